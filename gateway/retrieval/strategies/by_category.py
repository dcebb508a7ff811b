"""Only the records of named categories (`metadata.category`), newest first. Needs no embedder."""

from contextlib import AsyncExitStack
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from gateway.domain.filters import Compare, Filter
from gateway.domain.ports import Kit
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.strategy import Need, Ranking

__all__ = ["ByCategory"]


class ByCategoryOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    categories: Annotated[tuple[str, ...], Meta(min_length=1, description="Values of `category` in the metadata.")]


class ByCategory:
    """Newest first. The categories travel to the provider as a filter, so nothing else is fetched."""

    type_name: ClassVar[str] = "by_category"
    Options: ClassVar[type[ByCategoryOptions]] = ByCategoryOptions
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, options: ByCategoryOptions, kit: Kit) -> None:
        self.narrows: Filter = Compare("in", list(options.categories), path=("category",))

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        return Ranking()
