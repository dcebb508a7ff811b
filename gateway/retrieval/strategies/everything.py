"""All there is, newest first, up to top_k; the answer says when more exist. Needs no embedder."""

from contextlib import AsyncExitStack
from typing import ClassVar

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.strategy import Need, Ranking

__all__ = ["Everything"]


class EverythingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Everything:
    """Every record the ask allows."""

    type_name: ClassVar[str] = "all"
    Options: ClassVar[type[EverythingOptions]] = EverythingOptions
    needs: ClassVar[frozenset[Need]] = frozenset()
    narrows: Filter | None = None

    def __init__(self, options: EverythingOptions, kit: Kit) -> None:
        pass

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        return Ranking()
