"""An open collection: the verbs over it, with the driver's errors in our words and the time from the kit's clock."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Hit, Kit, Page, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.mongodb import indexes, ranking, reading, writing
from gateway.providers.mongodb.connecting import Collection
from gateway.providers.mongodb.faults import told
from gateway.providers.mongodb.layout import cut, micros, stored
from gateway.providers.terms import Terms

if TYPE_CHECKING:
    from gateway.providers.mongodb import VectorSearch

_INLINE: Final = 20_000  # characters of text made into documents on the event loop


class Holding:
    def __init__(self, collection: Collection, search: "VectorSearch | None", kit: Kit) -> None:
        self._collection = collection
        self._search = search
        self._kit = kit
        self._terms = Terms()
        self._searchable = False

    async def prepare(self) -> None:
        await indexes.prepare(self._collection, self._kit.name)
        if self._search is not None and self._kit.dimension is not None:
            self._searchable = await self._prepared_search(self._search, self._kit.dimension)

    async def put(self, records: Sequence[Record]) -> list[bool]:
        if not records:
            return []
        with told(self._kit.name):
            return await writing.put(self._collection, await self._written(records), self._now())

    async def replace(self, records: Sequence[Record]) -> list[bool]:
        if not records:
            return []
        with told(self._kit.name):
            return await writing.replace(self._collection, await self._written(records), self._now())

    async def get(self, reach: Reach, ids: Sequence[str]) -> list[Record | None]:
        with told(self._kit.name):
            return await reading.get(self._collection, reach, ids, self._kit.clock())

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        with told(self._kit.name):
            return await writing.delete(self._collection, reach, ids, self._now())

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        with told(self._kit.name):
            return await reading.scan(self._collection, reach, scan, self._kit.clock())

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> list[Hit]:
        terms = list(dict.fromkeys(cut(self._terms.wanted(words))))
        with told(self._kit.name):
            return await ranking.matching(self._collection, terms, reach, where, limit, self._kit.clock())

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> list[Hit]:
        search, dimension = self._search, self._kit.dimension
        if search is None or dimension is None:
            raise Unavailable(f"{self._kit.name} has no vector search", code="mongodb_no_vector_search")
        if not self._searchable:
            self._searchable = await self._prepared_search(search, dimension)
        if not self._searchable:
            raise Unavailable(f"{self._kit.name}: the search index is still being made", code="mongodb_index_building")
        with told(self._kit.name):
            return await ranking.nearest(self._collection, search, vector, reach, where, limit, self._kit.clock())

    async def sweep(self, limit: int) -> int:
        with told(self._kit.name):
            return await writing.sweep(self._collection, limit, self._now())

    async def ping(self) -> None:
        with told(self._kit.name):
            await self._collection.database.command("ping")

    async def _prepared_search(self, search: "VectorSearch", dimension: int) -> bool:
        return await indexes.prepare_search(self._collection, self._kit.name, search.index, dimension)

    async def _written(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        if sum(len(each.text) for each in records) <= _INLINE:
            return _documents(records, self._terms)
        return await asyncio.to_thread(_documents, records, None)

    def _now(self) -> int:
        return micros(self._kit.clock())


def _documents(records: Sequence[Record], terms: Terms | None) -> list[dict[str, Any]]:
    """Without `terms`, in a thread of its own: they are not shared between threads."""
    split = (terms or Terms()).of
    return [stored(each, split(each.text)) for each in records]
