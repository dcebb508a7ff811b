"""Records in one MongoDB collection, a readable document each, through PyMongo's asynchronous client or Motor.

What is acknowledged is in the journals of a majority. A batch is not atomic: each record is, and a failed batch may
leave some of it stored; the server's transactions are not used. Expired records are removed by the server itself.
Knows nothing of routes, ranking strategies or sealing.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Hit, Kit, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Duration, Secret

if TYPE_CHECKING:  # the driver is an option: what needs it is imported when the provider is opened
    from gateway.providers.mongodb.holding import Holding

__all__ = ["Mongodb"]


class VectorSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Search by vectors in the server itself, which Atlas and its local deployments offer."""

    index: Annotated[str, Meta(min_length=1, max_length=120, description="The search index; made where it is missing.")]
    candidates: (
        Annotated[int, Meta(ge=10, le=10_000, description="Neighbours that an approximate search looks at.")] | None
    ) = None  # none: every vector of the reach is compared, and the answer is exact


class MongodbOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[Secret, Meta(description="`mongodb://` or `mongodb+srv://`, as the driver takes it.")]
    database: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9_-]{1,63}$",
                description="Without it the one that the URL names, and without that `memory_gateway`.",
            ),
        ]
        | None
    ) = None
    collection: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,119}$", description="Made, with its indexes, where it is missing."),
    ] = "records"
    driver: Annotated[
        Literal["pymongo", "motor"],
        Meta(description="`motor` for those who run Motor already; it is deprecated by its makers."),
    ] = "pymongo"
    connect_timeout: Annotated[Duration, Meta(description="For finding a server and for connecting to it.")] = (
        msgspec.field(default_factory=lambda: Duration("2s"))
    )
    timeout: Annotated[Duration, Meta(description="For one answer, and for a free connection.")] = msgspec.field(
        default_factory=lambda: Duration("10s")
    )
    pool_size: Annotated[int, Meta(ge=1, le=1_000, description="Connections to each server at most.")] = 32
    vector_search: Annotated[
        VectorSearch | None, Meta(description="Without it the gateway compares vectors itself.")
    ] = None

    def __post_init__(self) -> None:
        for key, span in (("connect_timeout", self.connect_timeout), ("timeout", self.timeout)):
            if not 0.01 <= span.seconds <= 600:
                raise ValueError(f"`{key}` must be from 10ms to 10m")


class Mongodb:
    """Has `nearest` only where `vector_search` says so: what is not there cannot be called by mistake."""

    type_name: ClassVar[str] = "mongodb"
    Options: ClassVar[type[Any]] = MongodbOptions
    requires: ClassVar[dict[str, str]] = {"pymongo": "mongodb"}
    schemes: ClassVar[dict[str, str]] = {"mongodb": "url", "mongodb+srv": "url"}

    nearest: Callable[[Reach, bytes, Where, int], Coroutine[Any, Any, Sequence[Hit]]]

    def __init__(self, options: MongodbOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._holding: Holding | None = None
        if options.vector_search is not None:
            self.nearest = self._nearest

    @classmethod
    def capabilities(cls, options: MongodbOptions) -> Capabilities:
        return Capabilities(
            kinds=frozenset(Kind), nearest=options.vector_search is not None, matching=True, sweeps=True, pinged=True,
            remote=True, durable=True, shared=True, replaces=True,
        )  # fmt: skip

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect; make the collection and its indexes where they are missing. Unavailable where something is in the way."""
        from gateway.providers.mongodb.connecting import connected
        from gateway.providers.mongodb.holding import Holding

        collection = await connected(self._options, self._kit.name, stack)
        holding = Holding(collection, self._options.vector_search, self._kit)
        await holding.prepare()
        self._holding = holding
        stack.callback(self._forget)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Each record whole or not at all; the batch is not atomic."""
        return await self._opened().put(records)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`."""
        stored = await self._opened().replace(records)
        if beside and all(stored):
            await self.put(beside)
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._opened().get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._opened().delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._opened().scan(reach, scan)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._opened().matching(reach, words, where, limit)

    async def sweep(self, limit: int) -> int:
        return await self._opened().sweep(limit)

    async def ping(self) -> None:
        await self._opened().ping()

    async def _nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        return await self._opened().nearest(reach, vector, where, limit)

    def _opened(self) -> "Holding":
        if self._holding is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._holding

    def _forget(self) -> None:
        self._holding = None
