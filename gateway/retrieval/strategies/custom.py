"""An operator's own function picks the records: `selector(context, memories)`, plain or async, giving a list.

The selector is somebody else's code: it gets copies, runs off the loop where it is not async, and when it fails the
search finds nothing, says so in its faults and logs one line without contents.
"""

import asyncio
import copy
import importlib
import inspect
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, cast

import msgspec
import numpy as np
from msgspec import Meta

from gateway.domain.errors import Misconfigured
from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.domain.record import Record
from gateway.domain.units import ImportPath
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.strategy import Need, Ranking

__all__ = ["Custom"]

_log: Final = logging.getLogger(__name__)


class CustomOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    selector: Annotated[ImportPath, Meta(description="The function, as package.module:name.")]
    options: Annotated[dict[str, Any], Meta(description="Handed to the selector in its context.")] = {}


class SelectorContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a selector is told beside the memories."""

    query: str
    top_k: int
    now: datetime
    options: dict[str, Any]


class SelectorMemory(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of one memory: changing its metadata changes nothing stored."""

    id: str
    content: str
    role: str
    metadata: dict[str, Any]
    created_at: datetime
    user: str
    agent: str
    run: str


class Custom:
    """What the selector gives, in its order: memories or their ids. Ids it was not given are passed over.

    `failures` counts the selector's failures since the start.
    """

    type_name: ClassVar[str] = "custom"
    Options: ClassVar[type[CustomOptions]] = CustomOptions
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CANDIDATES})
    narrows: Filter | None = None

    def __init__(self, options: CustomOptions, kit: Kit) -> None:
        self._options = options
        self._name = kit.name
        self._selector: Callable[[SelectorContext, list[SelectorMemory]], Any] | None = None
        self.failures = 0

    async def open(self, stack: AsyncExitStack) -> None:
        """Import the selector; Misconfigured where that fails."""
        path = self._options.selector
        try:
            module = await asyncio.to_thread(importlib.import_module, path.module)
            found: Any = getattr(module, path.name)
        except Exception as error:
            raise Misconfigured(f"selector {path!r} cannot be imported: {error}", code="bad_selector") from error
        if not callable(found):
            raise Misconfigured(f"selector {path!r} cannot be called", code="bad_selector")
        self._selector = found

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        try:
            chosen = await self._chosen(pool, ask)
            ids = dict.fromkeys(each if isinstance(each, str) else each.id for each in chosen)
        except Exception as error:  # noqa: BLE001  # whatever a stranger's code raises, the request goes on
            self.failures += 1
            _log.error("strategy %s: selector %r failed with %s", self._name, self._options.selector, _kind(error))
            return Ranking(rows=np.zeros(0, dtype=np.intp), faults=("selector_failed",))
        places = {record.id: row for row, record in _live(pool)}
        return Ranking(rows=np.array([places[each] for each in ids if each in places], dtype=np.intp))

    async def _chosen(self, pool: Pool, ask: Ask) -> Sequence[Any]:
        selector = self._selector
        if selector is None:
            raise RuntimeError("not opened")
        context = SelectorContext(
            query=ask.query, top_k=ask.top_k, now=ask.now, options=copy.deepcopy(self._options.options)
        )
        memories = await asyncio.to_thread(lambda: [_copied(record) for _, record in _live(pool)])
        if inspect.iscoroutinefunction(selector):
            chosen = await selector(context, memories)
        else:
            chosen = await asyncio.to_thread(selector, context, memories)
            if inspect.isawaitable(chosen):
                chosen = await chosen
        if not isinstance(chosen, list | tuple):
            raise TypeError("a selector gives a list")
        return cast("Sequence[Any]", chosen)


def _live(pool: Pool) -> list[tuple[int, Record]]:
    rows: list[int] = pool.rows.tolist()
    return [(row, pool.records[row]) for row in rows]


def _copied(record: Record) -> SelectorMemory:
    whom = record.scope
    return SelectorMemory(
        id=record.id,
        content=record.text,
        role=record.role,
        metadata=copy.deepcopy(record.metadata),
        created_at=record.created_at,
        user=whom.user or record.provenance.user,
        agent=whom.agent or record.provenance.agent,
        run=whom.run or record.provenance.run,
    )


def _kind(error: Exception) -> str:
    return type(error).__name__  # the message may quote what was stored
