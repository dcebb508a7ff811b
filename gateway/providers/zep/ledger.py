"""The parts of records in the graphs of Zep users: found, added, removed.

Adding is acknowledged when Zep has stored the part, not yet learned from it. Removing is done when Zep no longer shows it.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.domain.errors import DeadlineExceeded
from gateway.domain.record import Kind, Record
from gateway.providers.zep.calls import Calls, gathered
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.options import ZepOptions
from gateway.providers.zep.owners import Owners, Shelf
from gateway.providers.zep.parts import Part, Stored, micros, parts_of

if TYPE_CHECKING:
    from zep_cloud import AddMessage, Episode, EpisodeListFilters, MetadataFilterGroup, Task

_IDS: Final = 50  # named in one filter
_MESSAGES: Final = 30  # the most that Zep takes in one call
_ROLES: Final = frozenset({"system", "assistant", "user", "function", "tool"})
_ALIKE: Final = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system"}


class Ledger:
    def __init__(self, calls: Calls, owners: Owners, options: ZepOptions, name: str) -> None:
        self._calls = calls
        self._owners = owners
        self._options = options
        self._name = name

    async def read(
        self,
        shelf: Shelf,
        *,
        ids: Sequence[str] | None = None,
        scope: bytes | None = None,
        kinds: Collection[Kind] = (),
        expired: datetime | None = None,
    ) -> list[Stored]:
        """The parts that pass all that is given. Nothing where the graph is gone."""
        tests: list[tuple[str, str, Any]] = []
        if scope is not None:
            tests.append(("scope", "eq", scope.hex()))
        if kinds:
            tests.append(("kind", "in", sorted(kinds)))
        if expired is not None:
            tests.append(("expires", "lte", micros(expired)))
        if ids is None:
            return await self._list(shelf, tests)
        wanted = list(dict.fromkeys(ids))
        found = await gathered(
            self._list(shelf, [*tests, ("record", "in", wanted[at : at + _IDS])]) for at in range(0, len(wanted), _IDS)
        )
        return [part for some in found for part in some]

    async def told(self, shelf: Shelf) -> list[Stored]:
        """What Zep was told to learn from: no parts of records."""
        return await self._list(shelf, [("kind", "eq", "told")])

    async def message(self, shelf: Shelf, scope: bytes, thread: str = "") -> Stored | None:
        """Some part of a message of the session, in the thread where one is named."""
        filters = _listed([("scope", "eq", scope.hex()), ("kind", "eq", str(Kind.MESSAGE))])
        pages = self._calls.pages(
            lambda zep: zep.graph.episode.list(
                shelf.uuid, page_size=1, order_by="created_at", order="desc", filters=filters
            )
        )
        try:
            async for page in pages:
                for episode in page:
                    if episode.thread_uuid and thread in ("", episode.thread_uuid):
                        return _stored(episode)
        except Gone:
            self._owners.forget(shelf)
        return None

    async def _list(self, shelf: Shelf, tests: Sequence[tuple[str, str, Any]]) -> list[Stored]:
        found: list[Stored] = []
        try:
            async for episodes in self._calls.episodes(shelf.uuid, _listed(tests)):
                found += map(_stored, episodes)
        except Gone:
            self._owners.forget(shelf)
            return []
        return found

    async def add_episodes(self, shelf: Shelf, records: Iterable[Record], *, keyed: bool) -> list["Task | None"]:
        return await gathered(
            self._episode(shelf, record, part, keyed=keyed)
            for record in records
            for part in parts_of(record, self._options.chunk_characters)
        )

    async def _episode(self, shelf: Shelf, record: Record, part: Part, *, keyed: bool) -> "Task | None":
        added = await self._calls(
            lambda zep: zep.graph.episode.add(
                shelf.uuid,
                data=part.content,
                type="text",
                metadata=part.metadata,
                reference_time=record.created_at.isoformat(),
                idempotency_key=part.key if keyed else None,
            )
        )
        return added.task

    async def add_messages(self, thread: str, records: Iterable[Record], *, keyed: bool) -> list["Task | None"]:
        """In the order given, which is the order in which Zep reads them."""
        pairs = [(record, part) for record in records for part in parts_of(record, self._options.chunk_characters)]
        tasks: list[Task | None] = []
        for at in range(0, len(pairs), _MESSAGES):
            some = pairs[at : at + _MESSAGES]
            messages = [_message(record, part) for record, part in some]
            key = "".join(part.key[:16] for _, part in some)[:255]

            async def add(zep: Any, messages: Any = messages, key: str = key) -> Any:
                return await zep.thread.add_messages(thread, messages=messages, idempotency_key=key if keyed else None)

            tasks.append((await self._calls(add)).task)
        return tasks

    async def remove(self, shelf: Shelf, uuids: Collection[str], *, wait: bool) -> None:
        """With `wait`, return when Zep no longer shows any of them."""
        tasks = await gathered(self._remove(shelf, uuid) for uuid in uuids)
        if wait:
            await self._absent(shelf, uuids, tasks)

    async def _remove(self, shelf: Shelf, uuid: str) -> "Task | None":
        try:
            return (await self._calls(lambda zep: zep.graph.episode.delete(shelf.uuid, uuid))).task
        except Gone:
            return None

    async def _absent(self, shelf: Shelf, uuids: Collection[str], tasks: Sequence["Task | None"]) -> None:
        # Reading back costs a call for two hundred of them, asking for each task one for each.
        pause, until = 0.01, time.monotonic() + self._options.wait_timeout.seconds
        pending = dict(zip(uuids, tasks, strict=True))
        while True:
            left = await self.present(shelf, list(pending))
            if not left:
                return
            if time.monotonic() + pause > until:
                await self._calls.settled([pending[next(iter(left))]])  # says so where it has failed
                raise DeadlineExceeded(f"{self._name}: Zep is still busy removing", code="zep_task_pending")
            pending = {uuid: pending[uuid] for uuid in left}
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def present(self, shelf: Shelf, uuids: Sequence[str]) -> set[str]:
        """Those of the parts that Zep still has."""
        from zep_cloud import EpisodeListFilters

        async def some(batch: Sequence[str]) -> set[str]:
            try:
                # An episode's own uuid is accepted here, which makes this a look-up of many.
                filters = EpisodeListFilters(mentioned_node_uuids=list(batch))
                pages = self._calls.episodes(shelf.uuid, filters)
                return {each.uuid_ or "" async for page in pages for each in page} & set(batch)
            except Gone:
                return set()

        found = await gathered(some(uuids[at : at + 200]) for at in range(0, len(uuids), 200))
        return {uuid for each in found for uuid in each}


def _stored(episode: "Episode") -> Stored:
    return Stored(
        episode.uuid_ or "",
        episode.created_at or "",
        episode.content or "",
        episode.metadata or {},
        episode.thread_uuid or "",
        bool(episode.processed),
    )


def grouped(tests: Sequence[tuple[str, str, Any]]) -> "MetadataFilterGroup":
    from zep_cloud import MetadataFilter, MetadataFilterGroup

    return MetadataFilterGroup(
        type="and",
        filters=[MetadataFilter(property_name=name, operator=op, value=value) for name, op, value in tests],
    )


def _listed(tests: Sequence[tuple[str, str, Any]]) -> "EpisodeListFilters":
    from zep_cloud import EpisodeListFilters

    return EpisodeListFilters(metadata_filters=grouped(tests)) if tests else EpisodeListFilters()


def _message(record: Record, part: Part) -> "AddMessage":
    from zep_cloud import AddMessage

    role = _ALIKE.get(record.role, record.role)
    return AddMessage(
        role=role if role in _ROLES else "user",
        name=record.role if record.role and role not in _ROLES else None,
        content=part.content,
        metadata=part.metadata,
        reference_time=record.created_at.isoformat(),
    )
