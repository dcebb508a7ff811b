"""What Zep has learned (facts between entities, or the entities) as memories that can be read, filtered, listed and deleted.

A fact is of the scope whose records it was learned from; what Zep was only told (`extract`) is kept as long as some fact
rests on it. Metadata says `source: zep` and, for facts, from when to when they are true.
"""

import hashlib
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

import msgspec

from gateway.domain.ports import Hit, Learned, Where
from gateway.domain.record import Kind, Metadata, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.winnowing import passes
from gateway.providers.zep.calls import PAGE, Calls, gathered
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.ledger import Ledger, grouped
from gateway.providers.zep.options import ZepOptions
from gateway.providers.zep.owners import Owners, Shelf
from gateway.providers.zep.parts import micros

if TYPE_CHECKING:
    from zep_cloud import Edge, Node

Found: TypeAlias = "Edge | Node"

TOLD: Final = "told"  # the kind of episodes that are no records
_UNKNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK: Final = 50


class Facts:
    def __init__(self, calls: Calls, owners: Owners, ledger: Ledger, options: ZepOptions) -> None:
        self._calls = calls
        self._owners = owners
        self._ledger = ledger
        self._options = options
        self._edges = options.scope == "edges"

    async def named(self, reach: Reach, ids: Sequence[str]) -> list[Record]:
        return [fact for _, facts in await self._named(reach, ids) for fact in facts]

    async def _named(self, reach: Reach, ids: Sequence[str]) -> list[tuple[Shelf, list[Record]]]:
        wanted = [id_ for id_ in ids if _is_uuid(id_)]
        if not wanted:
            return []
        found: list[tuple[Shelf, list[Record]]] = []
        for shelf in await self._owners.shelves(reach, learned=True, books=False):
            facts = [
                self._record(each, scope)
                async for each, scope in self._all(shelf, reach, wanted if self._edges else None)
                if each.uuid_ in wanted
            ]
            found.append((shelf, facts))
        return found

    async def listed(self, reach: Reach, shelves: Iterable[Shelf]) -> list[Record]:
        return [self._record(each, scope) for shelf in shelves async for each, scope in self._all(shelf, reach)]

    async def searched(
        self, shelf: Shelf, reach: Reach, question: str, where: Where, limit: int, now: datetime
    ) -> list[Hit]:
        from zep_cloud import EdgeSearchFilters, NodeSearchFilters

        scope, tests = _within(shelf, reach)
        size = min(PAGE, max(limit, _LOOK) if where.filter is not None else limit)
        rank = self._options.reranker
        group = grouped(tests) if tests else None

        async def first(zep: Any) -> Any:
            if self._edges:
                edges = EdgeSearchFilters(metadata_filters=group)
                return await zep.graph.search_edges(
                    shelf.uuid, query=question, page_size=size, filters=edges, reranker=rank
                )
            nodes = NodeSearchFilters(metadata_filters=group)
            return await zep.graph.search_nodes(
                shelf.uuid, query=question, page_size=size, filters=nodes, reranker=rank
            )

        hits: list[Hit] = []
        async for each in self._walked(shelf, first):
            record = self._record(each, scope)
            if passes(record, reach, where, now):
                score = each.relevance if each.relevance is not None else each.score
                hits.append(Hit(record, min(1.0, max(0.0, float(score or 0.0)))))
            if len(hits) == limit:
                break
        return hits

    async def delete(self, reach: Reach, ids: Sequence[str], now: datetime) -> int:
        deleted = 0
        for shelf, facts in await self._named(reach, ids):
            tasks = await gathered(self._delete(shelf, fact.id) for fact in facts)
            await self._calls.settled(tasks)
            deleted += len(facts)
            await self.prune(shelf, now)
        return deleted

    async def _delete(self, shelf: Shelf, uuid: str) -> Any:
        async def remove(zep: Any) -> Any:
            part = zep.graph.edge if self._edges else zep.graph.node
            return (await part.delete(shelf.uuid, uuid)).task

        try:
            return await self._calls(remove)
        except Gone:
            return None

    async def prune(self, shelf: Shelf, now: datetime) -> None:
        """Remove what Zep was told and no fact rests on (nothing was learned, or all of it was deleted), or has expired."""
        held = await self._ledger.told(shelf)
        due = {part.uuid for part in held if part.metadata.get("expires", math.inf) <= micros(now)}
        told = {part.uuid for part in held if part.processed}
        if told:
            everything = Reach(shelf.owner.tenant, None, None, None, None)
            async for each, _ in self._all(shelf, everything, expired=True):
                told -= set(each.episode_uuids or ())
        await self._ledger.remove(shelf, told | due, wait=True)

    async def tell(self, shelf: Shelf, records: Sequence[Record], now: datetime, *, wait: bool) -> list[Learned]:
        """Let Zep learn from the records, in order."""
        added: list[str] = []
        tasks: list[Any] = []
        for record in records:
            metadata: dict[str, Any] = {
                "record": record.id,
                "kind": TOLD,
                "scope": record.scope.key().hex(),
                "version": record.version,
            }
            if record.expires_at is not None:
                metadata["expires"] = micros(record.expires_at)
            for n, text in enumerate(_cut(record.text, self._options.chunk_characters)):
                key = hashlib.sha256(msgspec.json.encode([TOLD, metadata, n, text])).hexdigest()

                async def add(
                    zep: Any, record: Any = record, text: Any = text, key: Any = key, said: Any = metadata
                ) -> Any:
                    return await zep.graph.episode.add(
                        shelf.uuid, data=f"{record.role or 'user'}: {text}", type="message", metadata=said,
                        reference_time=record.created_at.isoformat(), idempotency_key=key,
                    )  # fmt: skip

                result = await self._calls(add)
                added.append(result.episode.uuid_ or "")
                tasks.append(result.task)
        if not wait or not added:
            return []
        await self._calls.settled(tasks)
        reach = Reach.only(records[0].scope)
        facts = [
            self._record(each, scope)
            async for each, scope in self._all(shelf, reach)
            if set(each.episode_uuids or ()) & set(added)
        ]
        await self.prune(shelf, now)
        return [Learned(id=fact.id, text=fact.text, event="ADD") for fact in facts]

    async def _all(
        self, shelf: Shelf, reach: Reach, uuids: Sequence[str] | None = None, *, expired: bool = False
    ) -> AsyncIterator[tuple["Edge | Node", Scope]]:
        from zep_cloud import EdgeListFilters, NodeListFilters

        scope, tests = _within(shelf, reach)
        group = grouped(tests) if tests else None

        async def first(zep: Any) -> Any:
            if self._edges:
                edges = EdgeListFilters(metadata_filters=group, edge_uuids=None if uuids is None else list(uuids))
                return await zep.graph.edge.list(shelf.uuid, page_size=PAGE, filters=edges)
            return await zep.graph.node.list(
                shelf.uuid, page_size=PAGE, filters=NodeListFilters(metadata_filters=group)
            )

        async for each in self._walked(shelf, first, expired=expired):
            yield each, scope

    async def _walked(self, shelf: Shelf, first: Any, *, expired: bool = False) -> AsyncIterator[Any]:
        try:
            async for page in self._calls.pages(first):
                for each in page:
                    if expired or self._options.expired_facts or not self._edges or not _has_expired(each):
                        yield each
        except Gone:
            self._owners.forget(shelf)

    def _record(self, found: Any, scope: Scope) -> Record:
        metadata: Metadata = {"source": "zep", "scope": self._options.scope}
        names = (
            ("name", "valid_at", "invalid_at", "expired_at", "source_node_name", "target_node_name")
            if self._edges
            else ("name", "labels", "summary")
        )
        metadata |= {name: getattr(found, name) for name in names if getattr(found, name) is not None}
        made = _time(found.created_at)
        text = found.fact if self._edges else found.summary or found.name
        return Record(
            id=found.uuid_ or "", kind=Kind.MEMORY, scope=scope, text=text or "", metadata=metadata,
            created_at=made, updated_at=made,
        )  # fmt: skip


def _within(shelf: Shelf, reach: Reach) -> tuple[Scope, list[tuple[str, str, Any]]]:
    """The scope that facts of the shelf are given, and the tests of whose they are."""
    owner = shelf.owner
    if reach.run is None:
        return owner, []
    scope = msgspec.structs.replace(owner, run=reach.run)
    return scope, [("scope", "eq", scope.key().hex())]


def _has_expired(edge: Any) -> bool:
    return edge.expired_at is not None or edge.invalid_at is not None


def _time(text: str | None) -> datetime:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return _UNKNOWN


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size) if text[at : at + size].strip()]
