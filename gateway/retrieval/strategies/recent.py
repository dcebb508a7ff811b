"""By time alone: the newest records, whatever the query. Needs no embedder."""

from contextlib import AsyncExitStack
from typing import ClassVar

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.strategy import Need, Ranking

__all__ = ["Recent"]


class RecentOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set: `time_window_hours` says how far back to look."""


class Recent:
    """Newest first."""

    type_name: ClassVar[str] = "recent"
    Options: ClassVar[type[RecentOptions]] = RecentOptions
    needs: ClassVar[frozenset[Need]] = frozenset()
    narrows: Filter | None = None

    def __init__(self, options: RecentOptions, kit: Kit) -> None:
        pass

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        return Ranking()
