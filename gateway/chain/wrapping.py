"""Records into their sealed form and back, by the plan of a route and the keys of a keyring.

Content, body and fingerprint of a record go into one envelope in the place of its text, with role and vector where the
plan says so; sealed metadata into another one. Each opens at its own place only. Strict: what should be sealed and is
not, is Tampered. Knows no cipher and no provider.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from gateway.chain.contents import Content, decoded, filled
from gateway.chain.plan import OURS, SEALED, Plan, Taken, give_back, shows, take
from gateway.domain.errors import GatewayError, Invalid
from gateway.domain.ids import Clock
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.domain.sealing import Keyring, Sealer, Standing, place_of, tampered

CONTENT: Final = "content"
METADATA: Final = "metadata"
FINGERPRINT: Final = "fingerprint"
_BREATH: Final = 25  # records between which other requests get their turn

Held = TypeVar("Held")
_replace = msgspec.structs.replace


class Told(msgspec.Struct, frozen=True):
    """Who is told of what should not be; each gets the record's id."""

    tampered: Callable[[str], None]
    plaintext: Callable[[str], None]  # accepted for now


class Wrapping:
    """`strict=False` lets through what does not open: it exists to show what strictness prevents."""

    def __init__(self, keys: Keyring, plan: Plan, clock: Clock, told: Told, *, strict: bool = True) -> None:
        self.plan = plan
        self._keys = keys
        self._clock = clock
        self._told = told
        self._strict = strict

    async def sealed(self, records: Sequence[Record]) -> list[Record]:
        sealers = await self._sealers(records)
        out: list[Record] = []
        for number, record in enumerate(records, 1):
            out.append(await self._seal(record, sealers[record.scope.tenant, record.scope.user]))
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        return out

    async def opened(self, reach: Reach, records: Sequence[Record]) -> list[Record | None]:
        """In order; None for what was sealed with a key that is shredded.

        What is outside the reach stays as it is: the fence drops it, and its keys are none of ours to use.
        """
        sealers = await self._sealers([record for record in records if reach.covers(record.scope)])
        out: list[Record | None] = []
        for number, record in enumerate(records, 1):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if not reach.covers(record.scope):
                out.append(record)
                continue
            try:
                out.append(await self._open(record, sealers[record.scope.tenant, record.scope.user]))
            except GatewayError:
                self._told.tampered(record.id)
                if self._strict:
                    raise
                out.append(record)
        return out

    async def worn(self, records: Sequence[Record]) -> list[Record]:
        """Those that are not sealed in every part by the newest key of their subject."""
        sealers = await self._sealers(records)
        return [
            record
            for record in records
            if self._is_worn(record, sealers[record.scope.tenant, record.scope.user])
        ]  # fmt: skip

    async def keys(self, records: Sequence[Record]) -> list[frozenset[str]]:
        """The ids of the keys that sealed each; empty for one that is not sealed."""
        sealers = await self._sealers(records)
        found: list[frozenset[str]] = []
        for record in records:
            sealer = sealers[record.scope.tenant, record.scope.user]
            found.append(frozenset(map(sealer.key_of, self._wanted(record, sealer).values())) - {""})
        return found

    async def sealer(self, reach: Reach) -> Sealer | None:
        """That of the one subject that is asked about, where filters need it."""
        if not self.plan.index or reach.user is None:
            return None
        return await self._keys.sealer(reach.tenant, reach.user)

    async def turned(self, tenant: str, vector: bytes) -> bytes:
        """As the backend has it, where it has vectors."""
        if self.plan.vectors != "keyed":
            return vector
        return (await self._keys.turns(tenant, len(vector) // 4)).turned(vector)

    async def revision(self, tenant: str) -> bytes:
        return await self._keys.revision(tenant)

    async def _sealers(self, records: Iterable[Record]) -> Mapping[tuple[str, str], Sealer]:
        """Of all subjects the records belong to; keys of theirs that are new are looked for once."""
        by_subject: dict[tuple[str, str], list[Record]] = {}
        for record in records:
            by_subject.setdefault((record.scope.tenant, record.scope.user), []).append(record)
        sealers: dict[tuple[str, str], Sealer] = {}
        for subject, some in by_subject.items():
            sealer = await self._keys.sealer(*subject)
            values = [value for record in some for value in values_of(record)]
            seen = {sealer.key_of(value) for value in values if sealer.standing(value) is Standing.UNKNOWN}
            sealers[subject] = await self._keys.sealer(*subject, seen) if seen else sealer
        return sealers

    async def _seal(self, record: Record, sealer: Sealer) -> Record:
        plan, metadata = self.plan, record.metadata
        if any(key.startswith(OURS) for key in metadata):
            raise Invalid(
                f"metadata keys that start with {OURS!r} are taken on this route", code="key_taken", at=METADATA
            )
        if paths := plan.paths(record.kind):
            metadata, taken = take(metadata, paths)
            metadata[SEALED] = sealer.seal(msgspec.msgpack.encode(taken), place_of(record, METADATA))
        if plan.index:
            metadata = {**metadata, **dict(plan.tokens(record.kind, record.metadata, sealer))}
        vector = record.vector if plan.vectors in ("plain", "keyed") else None
        if vector is not None:
            vector = await self.turned(record.scope.tenant, vector)
        fingerprint = record.provenance.fingerprint
        if not plan.content:
            sealed = sealer.seal(fingerprint.encode(), place_of(record, FINGERPRINT)) if fingerprint else ""
            provenance = _replace(record.provenance, fingerprint=sealed)
            return _replace(record, metadata=metadata, vector=vector, provenance=provenance)
        content = Content(
            version=record.version,
            text=record.text,
            body=record.body,
            role=record.role if plan.role else None,
            vector=record.vector if plan.vectors == "sealed" else None,
            fingerprint=fingerprint,
        )
        return _replace(
            record,
            text=sealer.seal(msgspec.msgpack.encode(content), place_of(record, CONTENT)),
            body=None,
            role="" if plan.role else record.role,
            metadata=metadata,
            vector=vector,
            provenance=_replace(record.provenance, fingerprint=""),
        )

    async def _open(self, record: Record, sealer: Sealer) -> Record | None:
        """None for what is gone with its key. Tampered for anything that is not as this left it."""
        wanted = self._wanted(record, sealer)
        standings = {sealer.standing(value) for value in wanted.values()}
        if Standing.DESTROYED in standings:
            return None
        if standings - {Standing.OPENS, Standing.BARE}:
            raise tampered()
        if Standing.BARE in standings and not self._accepts_plaintext(record):
            raise tampered()
        sealed = {name: value for name, value in wanted.items() if sealer.standing(value) is Standing.OPENS}
        opened = record
        if record.vector is not None:
            opened = _replace(opened, vector=await self._vector(record))
        if METADATA in sealed:
            metadata = {key: value for key, value in record.metadata.items() if not key.startswith(OURS)}
            if shows(metadata, self.plan.paths(record.kind)):
                raise tampered()
            taken: Taken = decoded(sealer.open(sealed[METADATA], place_of(record, METADATA)), Taken)
            opened = _replace(opened, metadata=give_back(metadata, taken))
        if FINGERPRINT in sealed:
            raw = sealer.open(sealed[FINGERPRINT], place_of(record, FINGERPRINT))
            opened = _replace(opened, provenance=_replace(record.provenance, fingerprint=raw.decode()))
        if CONTENT in sealed:
            opened = filled(opened, decoded(sealer.open(sealed[CONTENT], place_of(record, CONTENT)), Content))
        return opened

    async def _vector(self, record: Record) -> bytes | None:
        vector = record.vector
        if vector is None or self.plan.vectors not in ("plain", "keyed"):
            return None
        if self.plan.vectors == "plain":
            return vector
        return (await self._keys.turns(record.scope.tenant, len(vector) // 4)).back(vector)

    def _wanted(self, record: Record, sealer: Sealer) -> dict[str, str]:
        """The values of a record that have to be sealed, "" where one is not there; and those that were, by an earlier
        plan."""
        plan, found = self.plan, record.metadata.get(SEALED)
        wanted: dict[str, str] = {}
        content = plan.content or _is_ours(sealer, record.text)
        if content:
            wanted[CONTENT] = record.text
        elif record.provenance.fingerprint:
            wanted[FINGERPRINT] = record.provenance.fingerprint
        if plan.paths(record.kind) or isinstance(found, str):
            wanted[METADATA] = found if isinstance(found, str) else ""
        return wanted

    def _is_worn(self, record: Record, sealer: Sealer) -> bool:
        return any(sealer.key_of(value) != sealer.current for value in self._wanted(record, sealer).values())

    def _accepts_plaintext(self, record: Record) -> bool:
        until = self.plan.plaintext_until
        if until is None or self._clock() >= until:
            return False
        self._told.plaintext(record.id)
        return True


def values_of(record: Record) -> Iterable[str]:
    """Whatever in a stored record may be sealed."""
    yield record.text
    if record.provenance.fingerprint:
        yield record.provenance.fingerprint
    found = record.metadata.get(SEALED)
    if isinstance(found, str):
        yield found


def _is_ours(sealer: Sealer, text: str) -> bool:
    return sealer.key_of(text) not in ("", "unknown") and sealer.standing(text) in (Standing.OPENS, Standing.DESTROYED)
