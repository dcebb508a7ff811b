"""The wrapped keys of one keyring in the store that keeps them: read, made, wrapped anew, destroyed. Caches nothing.

Every change is a put of the next version of its row, so of two that race one wins and the other looks again.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ids import Clock, Randomness
from gateway.domain.ports import Order, Provider, Scan, Scrubs, Where
from gateway.domain.scope import Reach
from gateway.domain.sealing import Standing, tampered
from gateway.sealing.envelope import KEY_BYTES, NONCE_BYTES
from gateway.sealing.roots import Root
from gateway.sealing.rows import (
    KINDS,
    OWNER,
    Row,
    Sort,
    epoch_id,
    epoch_of,
    fingerprint_of,
    record_of,
    row_of,
    subject_reach,
    tenant_reach,
)  # fmt: skip

_PAGE: Final = 500
_ATTEMPTS: Final = 20

Keys = Mapping[str, bytes]  # by id


class TenantKeys(msgspec.Struct, frozen=True, kw_only=True):
    """`keys` are those that are live, `current` the newest of them; `gone` those that were destroyed or retired."""

    current: str
    keys: Keys
    gone: frozenset[str]


class Safe:
    """`roots` by their id; the first wraps."""

    def __init__(
        self, space: str, store: Provider, roots: Mapping[str, Root], clock: Clock, randomness: Randomness
    ) -> None:
        self.space = space
        self._store = store
        self._roots = roots
        self._clock = clock
        self._randomness = randomness

    @property
    def root(self) -> Root:
        return next(iter(self._roots.values()))

    async def epoch(self, tenant: str) -> int:
        found = (await self._store.get(tenant_reach(self.space, tenant), [epoch_id(self.space, tenant)]))[0]
        return 0 if found is None else found.version

    async def next_epoch(self, tenant: str) -> None:
        """Tells all who hold keys of the tenant to look again."""
        for _ in range(_ATTEMPTS):
            number = await self.epoch(tenant) + 1
            if (await self._store.put([epoch_of(self.space, tenant, number, self._clock())]))[0]:
                return
        raise _contended()

    async def tenants(self) -> AsyncGenerator[Row]:
        """Every row that a root or a tenant key of any tenant is in."""
        async for row in self._walk(tenant_reach(self.space, None)):
            yield row

    async def of_tenant(self, tenant: str) -> list[Row]:
        return [row async for row in self._walk(tenant_reach(self.space, tenant))]

    async def of_subject(self, tenant: str, user: str) -> list[Row]:
        return [row async for row in self._walk(subject_reach(self.space, tenant, user))]

    async def of_subjects(self, tenant: str) -> AsyncGenerator[Row]:
        """The rows of all users of a tenant."""
        async for row in self._walk(subject_reach(self.space, tenant, None)):
            yield row

    async def tenant_keys(self, tenant: str) -> TenantKeys:
        """All of them, open; the first one is made where there is none."""
        for _ in range(_ATTEMPTS):
            rows = [row for row in await self.of_tenant(tenant) if row.sort is Sort.TENANT]
            live = [row for row in rows if row.standing is Standing.OPENS]
            if not live:
                await self.make_tenant_key(tenant, rows)
                continue
            keys = {row.id: await self.unwrapped(row, {}) for row in live}
            newest = max(live, key=lambda row: row.number)
            gone = frozenset(row.id for row in rows if row.standing is not Standing.OPENS)
            return TenantKeys(current=newest.id, keys=keys, gone=gone)
        raise _contended()

    async def make_tenant_key(self, tenant: str, rows: Sequence[Row]) -> Row | None:
        """The next one; None where somebody else was quicker."""
        key = self._randomness(KEY_BYTES)
        row = self._drawn(Sort.TENANT, tenant, "", rows, key)
        wrapped = await self.root.wrap(key, row.place())
        return await self._stored(msgspec.structs.replace(row, under=self.root.id, wrapped=wrapped))

    async def make(
        self, sort: Sort, tenant: str, user: str, rows: Sequence[Row], above: TenantKeys
    ) -> tuple[Row, bytes] | None:
        """The next key of a subject, and its row; None where somebody else was quicker."""
        key = self._randomness(KEY_BYTES)
        row = self._drawn(sort, tenant, user, rows, key)
        stored = await self._stored(self._wrapped(row, key, above))
        return None if stored is None else (stored, key)

    async def unwrapped(self, row: Row, above: Keys) -> bytes:
        """The key of a live row. Unavailable where the key that wrapped it is not at hand; Tampered for anything else."""
        if row.sort is Sort.TENANT:
            root = self._roots.get(row.under)
            if root is None:
                raise Unavailable(
                    f"the keys of tenant {row.tenant!r} are wrapped by the root {row.under}, which the keyring does "
                    "not have: name it under old_roots",
                    code="root_missing",
                )
            key = await root.unwrap(row.wrapped, row.place())
        else:
            key = _opened(row, above)
        if len(key) != KEY_BYTES or fingerprint_of(key) != row.fingerprint:
            raise tampered()
        return key

    async def rewrapped(self, row: Row, above: TenantKeys) -> bool:
        """Wraps a live key by the newest there is above it. False where somebody else changed its row meanwhile."""
        key = await self.unwrapped(row, above.keys)
        if row.sort is Sort.TENANT:
            wrapped = await self.root.wrap(key, row.place())
            new = msgspec.structs.replace(row, under=self.root.id, wrapped=wrapped)
        else:
            new = self._wrapped(row, key, above)
        return await self._next(new) is not None

    async def end(self, row: Row, standing: Standing) -> bool:
        """Destroys what a row holds. False where somebody else changed it meanwhile: look again."""
        return await self._next(msgspec.structs.replace(row, wrapped=b"", standing=standing)) is not None

    async def scrubbed(self) -> bool:
        """Whether nothing of what was destroyed is left in the files of the store, as far as it has any. Raises nothing:
        it is destroyed, and only the bytes of what was wrapped may still be found."""
        if not isinstance(self._store, Scrubs):
            return True
        try:
            return await self._store.scrub()
        except GatewayError:
            return False

    def _drawn(self, sort: Sort, tenant: str, user: str, rows: Sequence[Row], key: bytes) -> Row:
        now = self._clock()
        letter = {Sort.TENANT: "t", Sort.SUBJECT: "k", Sort.VECTOR: "v"}[sort]
        return Row(
            sort=sort,
            tenant=tenant,
            user=user,
            id=letter + self._randomness(8).hex(),
            number=max((row.number for row in rows if row.sort is sort), default=0) + 1,
            under="",
            wrapped=b"",
            standing=Standing.OPENS,
            fingerprint=fingerprint_of(key),
            made=now,
            changed=now,
        )

    def _wrapped(self, row: Row, key: bytes, above: TenantKeys) -> Row:
        nonce = self._randomness(NONCE_BYTES)
        wrapped = nonce + AESGCM(above.keys[above.current]).encrypt(nonce, key, row.place())
        return msgspec.structs.replace(row, under=above.current, wrapped=wrapped)

    async def _next(self, row: Row) -> Row | None:
        return await self._stored(msgspec.structs.replace(row, version=row.version + 1, changed=self._clock()))

    async def _stored(self, row: Row) -> Row | None:
        return row if (await self._store.put([record_of(self.space, row)]))[0] else None

    async def _walk(self, reach: Reach) -> AsyncGenerator[Row]:
        after = None
        while True:
            page = await self._store.scan(reach, Scan(where=Where(KINDS), limit=_PAGE, order=Order.OLDEST, after=after))
            for record in page.records:
                if not reach.covers(record.scope) or (record.scope.tenant == OWNER) is not (reach.tenant == OWNER):
                    raise tampered()
                row = row_of(record)
                if row is not None:
                    yield row
            after = page.next
            if after is None:
                return


def _opened(row: Row, above: Keys) -> bytes:
    key = above.get(row.under)
    if key is None:
        raise Unavailable(f"the tenant key {row.under} is not at hand", code="key_missing")
    try:
        return AESGCM(key).decrypt(row.wrapped[:NONCE_BYTES], row.wrapped[NONCE_BYTES:], row.place())
    except (InvalidTag, ValueError):
        raise tampered() from None


def _contended() -> Unavailable:
    return Unavailable("the keys are changed by too many at once; try again", code="contended")
