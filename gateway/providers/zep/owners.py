"""Which Zep user stands for which scope.

A scope without its run is an owner (where there is no user and no agent either, with it): what Zep learns of a user, it
learns over all sessions. An owner has two Zep users: one whose graph Zep learns from, and a shelf beside it for what is
kept but must not be learned (past versions, prompts, summaries). Names are hashes; the parts themselves are in the Zep
user's metadata and are compared whole.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered, Unavailable
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope, fingerprint
from gateway.providers.zep.calls import PAGE, Calls
from gateway.providers.zep.locks import Locks

LEARNED: Final = frozenset({Kind.MEMORY, Kind.MESSAGE})
_HELD: Final = 50_000  # owners whose uuids are remembered
_PARTS: Final = ("tenant", "space", "user", "agent", "run")


class Shelf(msgspec.Struct, frozen=True):
    """One of an owner's two Zep users. Its uuid also names its graph."""

    owner: Scope
    learned: bool
    uuid: str


def owner_of(scope: Scope) -> Scope:
    return msgspec.structs.replace(scope, run="") if scope.user or scope.agent else scope


def the_owner(reach: Reach) -> Scope | None:
    """The one owner that a reach can be about, or None where it is about several."""
    if reach.space is None or reach.user is None or reach.agent is None:
        return None
    if not (reach.user or reach.agent) and reach.run is None:
        return None
    return owner_of(Scope(reach.tenant, reach.space, reach.user, reach.agent, reach.run or ""))


class Owners:
    """Uuids are remembered; what does not exist is asked for every time, as another process may have made it."""

    def __init__(self, calls: Calls, prefix: str, name: str) -> None:
        self._calls = calls
        self._prefix = prefix
        self._name = name
        self._held: OrderedDict[str, str] = OrderedDict()
        self._making = Locks()

    async def shelves(self, reach: Reach, *, learned: bool, books: bool) -> list[Shelf]:
        """Those that exist of the owners that a reach may be about."""
        owner = the_owner(reach)
        if owner is None:
            return [
                shelf
                async for shelf in self._listed(f"{self._prefix}-{_short(reach.tenant)}-")
                if shelf.owner.tenant == reach.tenant
                and _may_cover(reach, shelf.owner)
                and (learned if shelf.learned else books)
            ]
        wanted = [use for use, asked in ((True, learned), (False, books)) if asked]
        names = {self._named(owner, use): use for use in wanted}
        found = {name: self._held[name] for name in names if name in self._held}
        missing = [name for name in names if name not in found]
        if missing:
            answer = await self._calls(lambda zep: zep.lookup.batch(users=missing))
            for item in answer.items or ():
                if item.found and item.legacy_id in names and item.uuid_:
                    found[item.legacy_id] = self._remember(item.legacy_id, item.uuid_)
        return [Shelf(owner, names[name], uuid) for name, uuid in found.items()]

    async def every(self) -> AsyncIterator[Shelf]:
        """Each of every tenant."""
        async for shelf in self._listed(f"{self._prefix}-"):
            yield shelf

    async def made(self, scope: Scope, *, learned: bool) -> Shelf:
        """The one for this scope, made where it is missing."""
        owner = owner_of(scope)
        name = self._named(owner, learned)
        if name in self._held:
            return Shelf(owner, learned, self._held[name])
        async with self._making.held([(2, name, "")]):  # the first of many at once makes it
            return await self._made(owner, name, learned)

    async def _made(self, owner: Scope, name: str, learned: bool) -> Shelf:
        reach = Reach.only(owner)
        for shelf in await self.shelves(reach, learned=learned, books=not learned):
            return shelf
        metadata: dict[str, Any] = {part: getattr(owner, part) for part in _PARTS}
        metadata["use"] = "learned" if learned else "kept"
        try:
            user = await self._calls(lambda zep: zep.user.create(user_id=name, metadata=metadata))
        except Unavailable as error:
            if error.code not in ("zep_conflict", "zep_rejected"):
                raise
            # Another process made it in between.
            for shelf in await self.shelves(reach, learned=learned, books=not learned):
                return shelf
            raise
        if not user.uuid_:
            raise Unavailable(f"{self._name}: Zep answered in a way that is not understood", code="zep_answer")
        return Shelf(owner, learned, self._remember(name, user.uuid_))

    def forget(self, shelf: Shelf) -> None:
        """It is gone from Zep."""
        self._held.pop(self._named(shelf.owner, shelf.learned), None)

    async def _listed(self, beginning: str) -> AsyncIterator[Shelf]:
        # Zep finds names that contain the text; whose they are is told by the metadata alone.
        async for users in self._calls.pages(lambda zep: zep.user.list(page_size=PAGE, search=beginning)):
            for user in users:
                if not user.user_id or not user.user_id.startswith(beginning) or not user.uuid_:
                    continue
                shelf = _shelf(user.metadata or {}, user.uuid_)
                if user.user_id != self._named(shelf.owner, shelf.learned):
                    raise Tampered(f"{self._name}: a Zep user does not belong to whom it says")
                self._remember(user.user_id, user.uuid_)
                yield shelf

    def _named(self, owner: Scope, learned: bool) -> str:
        use = "l" if learned else "k"
        return f"{self._prefix}-{_short(owner.tenant)}-{use}-{owner.key().hex()}"

    def _remember(self, name: str, uuid: str) -> str:
        self._held[name] = uuid
        self._held.move_to_end(name)
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        return uuid


def _shelf(metadata: Mapping[str, Any], uuid: str) -> Shelf:
    return Shelf(Scope(*(str(metadata.get(part, "")) for part in _PARTS)), metadata.get("use") == "learned", uuid)


def _may_cover(reach: Reach, owner: Scope) -> bool:
    if owner.user or owner.agent:  # its records have any run
        reach = msgspec.structs.replace(reach, run=None)
    return reach.covers(owner)


def _short(tenant: str) -> str:
    return fingerprint(tenant).hex()[:16]
