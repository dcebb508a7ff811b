"""A keyring at work: the keys that are in use, open, for as long as nobody has destroyed them. A Keyring.

Opened keys are kept in memory: at most `most` subjects, least recently used out first. What another process changes
(a key rotated or shredded) is noticed within `ttl` seconds, without any request asking: an epoch in the store says so.
Where the store cannot be asked for that long, nothing is opened any more. For one event loop; knows no records.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ids import Randomness
from gateway.domain.sealing import Sealer, Standing, Turns
from gateway.sealing.rows import Row, Sort
from gateway.sealing.safe import Safe, TenantKeys
from gateway.sealing.subject import Subject, Version
from gateway.sealing.turning import Turning

IDLE_SECONDS: Final = 300.0  # after which nothing of a tenant stays in memory
_ATTEMPTS: Final = 20
_TOGETHER: Final = 16

Forget = Callable[[str, str | None], None]  # the tenant, and the user where it was one

_log = logging.getLogger("gateway.sealing")


class _Held:
    """What is known of one tenant."""

    __slots__ = ("epoch", "keys", "looked", "turnings", "used")

    def __init__(self, epoch: int, looked: float) -> None:
        self.epoch = epoch
        self.looked = looked
        self.used = looked
        self.keys: TenantKeys | None = None
        self.turnings: dict[int, Turning] = {}


class Ring:
    """`forget` is told when what was made of a tenant's or user's opened records must not be used any longer."""

    def __init__(
        self,
        safe: Safe,
        randomness: Randomness,
        now: Callable[[], float],
        forget: Forget,
        *,
        ttl: float = 10.0,
        most: int = 10_000,
    ) -> None:
        self.safe = safe
        self.ttl = ttl
        self._randomness = randomness
        self._now = now
        self._forget = forget
        self._most = most
        self._held: dict[str, _Held] = {}
        self._subjects: OrderedDict[tuple[str, str], Subject] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}
        self._watch: asyncio.Task[None] | None = None

    async def sealer(self, tenant: str, user: str, seen: Collection[str] = ()) -> Sealer:
        return await self.subject(tenant, user, seen)

    async def subject(self, tenant: str, user: str, seen: Collection[str] = ()) -> Subject:
        held = await self._fresh(tenant)
        place = (tenant, user)
        found = self._subjects.get(place)
        if found is not None:
            known = {each.id for each in found.versions} if seen else ()
            if all(id_ in known for id_ in seen):
                self._subjects.move_to_end(place)
                return found
        epoch = held.epoch
        found = await self._loaded(tenant, user)
        if self._held.get(tenant) is held and held.epoch == epoch:  # else something was destroyed while it was read
            self._subjects[place] = found
            self._subjects.move_to_end(place)
            while len(self._subjects) > self._most:
                self._subjects.popitem(last=False)
        return found

    async def turns(self, tenant: str, dimension: int) -> Turns:
        held = await self._fresh(tenant)
        found = held.turnings.get(dimension)
        if found is None:
            key = await self._vector_key(tenant)
            found = held.turnings[dimension] = await asyncio.to_thread(Turning, key, dimension)
        return found

    async def revision(self, tenant: str) -> bytes:
        return b"%d" % (await self._fresh(tenant)).epoch

    async def shred(self, tenant: str, user: str) -> Sequence[str]:
        """Destroys every key of one subject, here and in the store; the fingerprints of all that are destroyed by now.

        What they sealed cannot be opened again by anybody, from here on in this process, and within `ttl` seconds in
        all others. May be repeated. Someone who writes for the same user afterwards gets a new key.
        """
        for _ in range(_ATTEMPTS):
            rows = await self.safe.of_subject(tenant, user)
            live = [row for row in rows if row.standing is Standing.OPENS]
            if not live:
                await self._changed(tenant, user)
                await self._scrubbed(tenant)
                return [row.fingerprint for row in rows if row.standing is Standing.DESTROYED]
            for row in live:
                await self.safe.end(row, Standing.DESTROYED)
        raise Unavailable("the keys are changed by too many at once; try again", code="contended")

    async def shred_tenant(self, tenant: str) -> Sequence[str]:
        """The same for all that a tenant has: its own keys go, and those of each subject are worth nothing without."""
        for _ in range(_ATTEMPTS):
            rows = await self.safe.of_tenant(tenant)
            live = [row for row in rows if row.standing is Standing.OPENS]
            if not live:
                await self._changed(tenant, None)
                await self._scrubbed(tenant)
                return [row.fingerprint for row in rows if row.standing is Standing.DESTROYED]
            for row in live:
                await self.safe.end(row, Standing.DESTROYED)
        raise Unavailable("the keys are changed by too many at once; try again", code="contended")

    async def destroyed(self, tenant: str, user: str) -> Sequence[str]:
        """The fingerprints of a subject's keys that were shredded, by whomever."""
        rows = await self.safe.of_subject(tenant, user)
        return [row.fingerprint for row in rows if row.standing is Standing.DESTROYED]

    async def changed(self, tenant: str) -> None:
        """After the rows of a tenant were changed: everybody looks again."""
        await self._changed(tenant, None)

    async def close(self) -> None:
        """Forgets every opened key."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        self._held.clear()
        self._subjects.clear()

    async def _scrubbed(self, tenant: str) -> None:
        """Destroyed keys are read by nobody, not even out of the store's files, which somebody may keep."""
        if not await self.safe.scrubbed():
            _log.warning("old bytes of destroyed keys may stay in the store's log for now", extra={"tenant": tenant})

    async def _changed(self, tenant: str, user: str | None) -> None:
        self._drop(tenant, user)
        await self.safe.next_epoch(tenant)
        self._drop(tenant, user)

    def _drop(self, tenant: str, user: str | None) -> None:
        self._held.pop(tenant, None)
        for place in [each for each in self._subjects if each[0] == tenant and user in (None, each[1])]:
            del self._subjects[place]
        self._forget(tenant, user)

    async def _fresh(self, tenant: str) -> _Held:
        """What is known of the tenant, if it was looked at within the ttl; else it is looked at now."""
        now = self._now()
        held = self._held.get(tenant)
        if held is not None:
            held.used = now
            if now - held.looked < self.ttl:
                return held
        return await self._looked(tenant)

    async def _looked(self, tenant: str) -> _Held:
        async with self._turns.setdefault(tenant, asyncio.Lock()):
            now = self._now()
            held = self._held.get(tenant)
            if held is not None and now - held.looked < self.ttl / 2:
                return held
            epoch = await self.safe.epoch(tenant)
            held = self._held.get(tenant)
            if held is None or held.epoch != epoch:
                if held is not None:
                    self._drop(tenant, None)
                held = self._held[tenant] = _Held(epoch, now)
            held.looked = now
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._watched(), name="keyring")
            return held

    async def _watched(self) -> None:
        """Looks after every tenant of which something is in memory, until there is none."""
        while self._held:
            await asyncio.sleep(self.ttl / 2)
            tenants = list(self._held.items())
            for start in range(0, len(tenants), _TOGETHER):
                some = tenants[start : start + _TOGETHER]
                await asyncio.gather(*(self._watched_one(tenant, held) for tenant, held in some))

    async def _watched_one(self, tenant: str, held: _Held) -> None:
        if self._now() - held.used > IDLE_SECONDS:
            self._drop(tenant, None)
            return
        try:
            await self._looked(tenant)
        except GatewayError as error:
            _log.warning("the store of keys cannot be asked", extra={"keyring": self.safe.space, "code": error.code})
            self._drop(tenant, None)
        except Exception as error:  # noqa: BLE001 - what a closed store raises; then nothing may stay open
            _log.warning("the store of keys cannot be asked", extra={"reason": type(error).__name__})
            self._drop(tenant, None)

    async def _tenant_keys(self, tenant: str, wanted: Collection[str] = ()) -> TenantKeys:
        held = self._held.get(tenant)
        known = held.keys if held is not None else None
        if known is not None and all(each in known.keys or each in known.gone for each in wanted):
            return known
        keys = await self.safe.tenant_keys(tenant)
        if held is not None and self._held.get(tenant) is held:
            held.keys = keys
        return keys

    async def _loaded(self, tenant: str, user: str) -> Subject:
        for _ in range(_ATTEMPTS):
            rows = await self.safe.of_subject(tenant, user)
            above = await self._tenant_keys(tenant, {row.under for row in rows})
            versions = [await self._version(row, above) for row in rows]
            if any(each.key is not None for each in versions):
                return Subject(versions, self._randomness)
            made = await self.safe.make(Sort.SUBJECT, tenant, user, rows, above)
            if made is not None:
                versions.append(Version(id=made[0].id, number=made[0].number, key=made[1]))
                return Subject(versions, self._randomness)
        raise Unavailable("the keys are changed by too many at once; try again", code="contended")

    async def _version(self, row: Row, above: TenantKeys) -> Version:
        standing = row.standing
        if standing is Standing.OPENS and row.under in above.gone:
            standing = Standing.DESTROYED
        key = await self.safe.unwrapped(row, above.keys) if standing is Standing.OPENS else None
        return Version(id=row.id, number=row.number, key=key, standing=standing)

    async def _vector_key(self, tenant: str) -> bytes:
        for _ in range(_ATTEMPTS):
            rows = [row for row in await self.safe.of_tenant(tenant) if row.sort is Sort.VECTOR]
            live = [row for row in rows if row.standing is Standing.OPENS]
            above = await self._tenant_keys(tenant, {row.under for row in live})
            live = [row for row in live if row.under not in above.gone]
            if live:
                return await self.safe.unwrapped(max(live, key=lambda row: row.number), above.keys)
            made = await self.safe.make(Sort.VECTOR, tenant, "", rows, above)
            if made is not None:
                return made[1]
        raise Unavailable("the keys are changed by too many at once; try again", code="contended")
