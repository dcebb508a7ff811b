"""The one way to Zep: its own client over one pool of connections, bounded, never retried, failures in the gateway's words.

Knows no records: it calls, pages and waits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.providers.zep.faults import in_words
from gateway.providers.zep.options import ZepOptions

if TYPE_CHECKING:
    import httpx
    from zep_cloud import Episode, EpisodeListFilters, Task
    from zep_cloud.client import AsyncZep
    from zep_cloud.core.pagination import AsyncPager

Answer = TypeVar("Answer")
Item = TypeVar("Item")

PAGE: Final = 100  # the most that Zep gives at once
_ENDED: Final = frozenset({"succeeded", "partial", "failed"})
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
_IDLE: Final = 3.0  # servers close a connection after five, and one that is closed while it is taken fails a call


class Calls:
    def __init__(self, options: ZepOptions, name: str) -> None:
        self._options = options
        self._name = name
        self._places = asyncio.Semaphore(options.connections)
        self._client: AsyncZep | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Make the client; nothing is sent."""
        await asyncio.to_thread(_load)
        import httpx
        from zep_cloud.client import AsyncZep

        options = self._options
        # Redirects are not followed: the key would go along to wherever they lead.
        pool = httpx.AsyncClient(
            timeout=httpx.Timeout(options.timeout.seconds, connect=options.connect_timeout.seconds),
            limits=httpx.Limits(
                max_connections=options.connections,
                max_keepalive_connections=options.connections,
                keepalive_expiry=_IDLE,
            ),
            follow_redirects=False,
        )
        stack.push_async_callback(self._close, pool)
        self._client = AsyncZep(
            api_key=options.api_key.reveal(), base_url=options.base_url.rstrip("/"), max_retries=0, httpx_client=pool
        )

    async def __call__(self, work: Callable[["AsyncZep"], Awaitable[Answer]]) -> Answer:
        """One call. Gone where Zep says 404."""
        client = self._client
        if client is None:
            raise Unavailable(f"{self._name} is not open", code="closed")
        async with self._places:
            try:
                return await work(client)
            except Exception as error:  # noqa: BLE001 -- drivers raise what they like; all of it is put in words
                raise in_words(error, self._name) from None  # what the client raises may quote contents

    async def pages(
        self, first: Callable[["AsyncZep"], Awaitable["AsyncPager[Item, Any]"]]
    ) -> AsyncIterator[Sequence[Item]]:
        pager = await self(first)
        while True:
            yield pager.items or ()
            if not pager.has_next:
                return
            held = pager

            async def following(_: Any, held: Any = held) -> Any:
                return await held.next_page()

            pager = await self(following)
            if pager is None:
                return

    async def episodes(self, graph: str, filters: "EpisodeListFilters") -> AsyncIterator[Sequence["Episode"]]:
        """All of a graph that pass the filters, page by page: what the client makes of them takes much room."""
        async for some in self.pages(
            lambda zep: zep.graph.episode.list(
                graph, page_size=PAGE, order_by="created_at", order="asc", filters=filters
            )
        ):
            yield some

    async def settled(self, tasks: Iterable["Task | None"]) -> None:
        """Return when all tasks have ended. DeadlineExceeded where one has not in time, Unavailable where it failed."""
        until = time.monotonic() + self._options.wait_timeout.seconds
        await gathered(self._settled(task.uuid_, until) for task in tasks if task is not None and task.uuid_)

    async def _settled(self, uuid: str, until: float) -> None:
        pause = _FIRST_PAUSE
        while True:
            task = await self(lambda zep: zep.task.get(uuid))
            if task.status == "failed":
                raise Unavailable(f"{self._name}: Zep could not finish what it had accepted", code="zep_task_failed")
            if task.status in _ENDED:
                return
            if time.monotonic() + pause > until:
                raise DeadlineExceeded(
                    f"{self._name}: Zep has accepted this and is still busy with it", code="zep_task_pending"
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _close(self, pool: "httpx.AsyncClient") -> None:
        self._client = None
        await pool.aclose()


async def gathered(works: Iterable[Awaitable[Answer]]) -> list[Answer]:
    """All of them at once; the first failure is raised after all have ended, so that none goes on unseen."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if not isinstance(each, BaseException)]


def _load() -> None:
    """Import what the client would import at its first calls: a third of a second, in which no request may wait."""
    for name in ("graph", "lookup", "project", "task", "thread", "user", "graph.edge", "graph.episode", "graph.node"):
        import_module(f"zep_cloud.{name}.client")
    import_module("zep_cloud.types.node_search_filters")
