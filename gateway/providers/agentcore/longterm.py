"""Everything but messages as the service's memory records: changed in place, found by an indexed key, searched by meaning.

A document that is too long for the metadata of its memory record goes on in further ones, in a namespace of its own.
Knows no events.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.domain.ports import Hit
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, fingerprint
from gateway.providers.agentcore.naming import Namespaces
from gateway.providers.agentcore.packing import (
    Held,
    Packed,
    is_ours,
    key_of,
    more_of,
    packed,
    tags_of,
    unpacked,
)  # fmt: skip
from gateway.providers.agentcore.plane import Plane, equal


class Change(msgspec.Struct, frozen=True):
    record: Record
    olds: tuple[Held, ...]


class Longterm:
    def __init__(self, plane: Plane, namespaces: Namespaces, strategy: str | None, keys: Sequence[str]) -> None:
        self._plane = plane
        self._namespaces = namespaces
        self._strategy = {} if strategy is None else {"memoryStrategyId": strategy}
        self._keys = keys

    async def found(self, tenant: str, id_: str) -> list[Held]:
        """Whatever has the id in the tenant: more than one only where two gateways wrote at once."""
        above = self._namespaces.above(Reach(tenant, None, None, None, None))
        return await self._listed(above, exact=False, tags={"record": key_of(tenant, id_)})

    async def held(self, reach: Reach, kinds: frozenset[Kind], tags: Mapping[str, str]) -> list[Held]:
        """All of the reach and kinds whose metadata has the values, in no order."""
        scope = reach.exact()
        tags = {**({"scope": scope.key().hex()} if scope else {}), **tags}
        found = await asyncio.gather(
            *(self._listed(name, exact=exact, tags=tags) for name, exact in self._where(reach, kinds))
        )
        return [
            each for some in found for each in some if reach.covers(each.record.scope) and each.record.kind in kinds
        ]

    async def write(self, changes: Sequence[Change]) -> None:
        """New ones are there before old ones go."""
        created: list[dict[str, Any]] = []
        updated: list[dict[str, Any]] = []
        ended: list[Held] = []
        for change in changes:
            record, write = change.record, _word(change.record)
            form = packed(record, tags_of(record, self._keys), write)
            created += self._further(record, form, write)
            same = [each for each in change.olds if _alike(each.record, record)]
            place = same[0] if same else None
            fields = {"content": {"text": form.text}, "metadata": form.metadata, "timestamp": record.updated_at}
            if place is not None:
                updated.append({"memoryRecordId": place.at[0], **fields, **self._strategy})
                ended += [each for each in change.olds if each is not place]
                ended += [Held(place.record, ("", place.at[1]))] if place.at[1] not in ("", write) else []
            else:
                name = self._namespaces.exact(Reach.only(record.scope), record.kind.value)
                created.append({
                    "requestIdentifier": f"r{len(created)}", "namespaces": [name], **fields, **self._strategy
                })  # fmt: skip
                ended += change.olds
        await self._plane.create_records(created, secrets.token_hex(16))
        await self._plane.update_records(updated)
        await self.drop(ended)

    async def drop(self, gone: Sequence[Held]) -> None:
        words = [each.at[1] for each in gone if each.at[1]]
        further = [
            each["memoryRecordId"]
            for word in words
            async for page in self._plane.records(_apart(word), exact=True, tags={})
            for each in page
        ]
        await self._plane.delete_records([each.at[0] for each in gone if each.at[0]])
        await self._plane.delete_records(further)

    async def due(self, now: float) -> list[Held]:
        found: list[Held] = []
        async for page in self._plane.due_records(now):
            found += await self._unpacked(page)
        return found

    async def relevant(self, reach: Reach, kinds: frozenset[Kind], question: str, tags: Mapping[str, str]) -> list[Hit]:
        """The best hundred of each namespace, which is the most that the service gives."""
        scope = reach.exact()
        tags = {**({"scope": scope.key().hex()} if scope else {}), **tags}
        more = {"metadataFilters": equal(tags)} if tags else {}
        answers = await asyncio.gather(
            *(
                self._plane.retrieve(name, exact=exact, question=question, top=100, **more)
                for name, exact in self._where(reach, kinds)
            )
        )
        summaries = [each for some in answers for each in some if is_ours(each.get("metadata", {}))]
        held = await self._unpacked(summaries)
        return [
            Hit(each.record, min(1.0, max(0.0, float(summary.get("score", 0.0)))))
            for each, summary in zip(held, summaries, strict=True)
        ]

    def _where(self, reach: Reach, kinds: frozenset[Kind]) -> list[tuple[str, bool]]:
        names = {self._namespaces.exact(reach, kind.value) for kind in kinds}
        exact = [(name, True) for name in names if name is not None]
        return exact if len(exact) == len(names) else [(self._namespaces.above(reach), False)]

    async def _listed(self, namespace: str, *, exact: bool, tags: Mapping[str, str]) -> list[Held]:
        found: list[Held] = []
        async for page in self._plane.records(namespace, exact=exact, tags=tags):
            found += await self._unpacked([each for each in page if is_ours(each.get("metadata", {}))])
        return found

    async def _unpacked(self, summaries: Sequence[Mapping[str, Any]]) -> list[Held]:
        return await asyncio.gather(*map(self._one, summaries))

    async def _one(self, summary: Mapping[str, Any]) -> Held:
        metadata = summary["metadata"]
        further = more_of(metadata)
        if further is None:
            return Held(unpacked(metadata, None), (summary["memoryRecordId"], ""))
        word, many = further
        parts = {
            int(each["metadata"]["part"]["stringValue"]): each["content"]["text"]
            async for page in self._plane.records(_apart(word), exact=True, tags={})
            for each in page
        }
        texts = [parts.get(number, "") for number in range(many)]
        return Held(unpacked(metadata, texts), (summary["memoryRecordId"], word))

    def _further(self, record: Record, form: Packed, write: str) -> list[dict[str, Any]]:
        return [
            {
                "requestIdentifier": f"{write}-{number}",
                "namespaces": [_apart(write)],
                "content": {"text": text},
                "metadata": {"part": {"stringValue": str(number)}},
                "timestamp": record.updated_at,
            }
            for number, text in enumerate(form.more)
        ]


def _apart(word: str) -> str:
    return f"/further/{word}/"


def _word(record: Record) -> str:
    """The further memory records of one version."""
    return fingerprint(record.scope.tenant, record.id, str(record.version), record.updated_at.isoformat()).hex()[:40]


def _alike(old: Record, new: Record) -> bool:
    """Whether the new one can take the old one's place: it stays in its namespace."""
    return (old.scope, old.kind) == (new.scope, new.kind)
