"""Records as points of one Qdrant collection: searched by vector and by words there, within the scope alone.

What is acknowledged has been done by the server and is in its log. Qdrant itself decides whether a point may be
replaced (older version, same scope); within one process writers of the same id take turns. Where two gateways put the
same id in the same moment, exactly one of equal versions is stored; a put that was stored and at once replaced by a
newer version may be told as not stored, and a record that both delete may be counted by both.
`path` runs the driver's own imitation inside this process, for trying out: it compares with every point, in Python, and
the garbage collector walks all of them; with thousands it holds the event loop for tenths of a second.
"""

import asyncio
import os.path
import re
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Hit, Kit, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Duration, Secret

if TYPE_CHECKING:
    from gateway.providers.qdrant.points import Points

__all__ = ["Qdrant"]

_NAME: Final = r"^[A-Za-z0-9_-]{1,255}$"
_URL: Final = re.compile(r"((https?|qdrant|qdrant\+https)://)?[^/:@\s]+(:\d+)?(/\S*)?")


class QdrantOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[Secret, Meta(description="Where the server's REST interface is: `http://qdrant:6333`.")] | None = (
        None
    )
    api_key: Annotated[Secret, Meta(description="The server's key, or a token for this collection.")] | None = None
    path: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Instead of a server: a folder for Qdrant's embedded mode. For trying out; one process, "
                "slow and in everybody's way beyond a thousand records. It unpickles what is in the folder: open no other's.",
            ),
        ]
        | None
    ) = None
    collection: Annotated[
        str, Meta(pattern=_NAME, description="One collection holds all tenants; made where it is missing.")
    ] = "memories"
    timeout: Annotated[Duration, Meta(description="How long one question to the server may take.")] = msgspec.field(
        default_factory=lambda: Duration("5s")
    )
    connections: Annotated[int, Meta(ge=1, le=1000, description="Questions to the server at the same time.")] = 32
    on_disk: Annotated[
        bool, Meta(description="Make the collection with vectors and words on disk instead of in memory.")
    ] = False
    replicas: Annotated[int, Meta(ge=1, description="Copies of each record in a cluster, where it is made.")] = 1
    exact: Annotated[
        bool, Meta(description="Compare with every vector of the reach, instead of walking Qdrant's graphs.")
    ] = False
    max_records: Annotated[
        int, Meta(ge=1, description="With `path`: writes that would keep more than this many are refused with 503.")
    ] = 2_000

    def __post_init__(self) -> None:
        if (self.url is None) == (self.path is None):
            raise ValueError("give `url` (a Qdrant server) or `path` (a folder, for trying out): one of the two")
        if self.path is not None and self.api_key is not None:
            raise ValueError("`api_key` is for a server; with `path` there is none to ask for it")
        if self.path is not None and self.path.startswith(":memory:"):
            raise ValueError("`path: :memory:` is not offered; use `type: memory`")
        if self.url is not None and not _URL.fullmatch(self.url.reveal()):
            raise ValueError(
                "`url` is http:// or https://, the host and the REST port (6333 unless it was changed); a key goes to `api_key`"
            )


class Qdrant:
    type_name: ClassVar[str] = "qdrant"
    Options: ClassVar[type[Any]] = QdrantOptions
    requires: ClassVar[dict[str, str]] = {"qdrant_client": "qdrant"}
    schemes: ClassVar[dict[str, str]] = {"qdrant": "url", "qdrant+https": "url"}

    def __init__(self, options: QdrantOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._points: Points | None = None

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        path = options.path
        return Capabilities(
            kinds=frozenset(Kind), nearest=True, matching=True, fuses=True, sweeps=True, pinged=True, durable=True,
            remote=path is None, shared=path is None,
            exclusive=frozenset() if path is None else frozenset({f"file:{os.path.normpath(path)}"}),
        )  # fmt: skip

    async def open(self, stack: AsyncExitStack) -> None:
        """Make the collection, or check that it fits: Misconfigured, with both sizes, where its vectors do not."""
        # The driver is loaded here, and takes its time.
        opening = await asyncio.to_thread(_opening)
        self._points = await opening(stack, self._options, self._kit, uuid.uuid4().hex)
        stack.callback(self._close)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Atomic for each record, and for most batches of up to a few hundred."""
        return await self._opened().put(records) if records else []

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._opened().get(reach, ids) if ids else []

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._opened().delete(reach, ids) if ids else 0

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._opened().scan(reach, scan) if scan.where.kinds else Page(())

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        return await self._opened().nearest(reach, vector, where, limit) if where.kinds else []

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        """Scores by words that are rare within the reach. A longer text is marked down by its own length alone."""
        return await self._opened().matching(reach, words, where, limit) if where.kinds else []

    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        """By reciprocal ranks, on the server. A filter that the server cannot test as a whole takes two questions."""
        return await self._opened().fused(reach, vector, words, where, limit) if where.kinds else []

    async def sweep(self, limit: int) -> int:
        return await self._opened().sweep(limit)

    async def ping(self) -> None:
        await self._opened().ping()

    def _opened(self) -> "Points":
        if self._points is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._points

    def _close(self) -> None:
        self._points = None


def _opening() -> Any:
    from gateway.providers.qdrant.opening import opened

    return opened
