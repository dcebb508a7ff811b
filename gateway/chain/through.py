"""A provider each of whose verbs goes through one function: for links that treat all verbs, or most of them, alike.

The function gets the verb's name and the call to make, and decides when, how often and on which provider to make it.
Verbs that a link answers in its own way it has itself, as methods of `own`.
Whoever builds the chain knows the capabilities; what the provider behind lacks fails like a backend that is away.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, TypeVar, get_args

import msgspec

from gateway.domain.errors import Unavailable
from gateway.domain.ports import (
    Brief,
    Capabilities,
    Count,
    Counted,
    Hit,
    Learned,
    Page,
    Pinged,
    Scan,
    Scrubs,
    Sweeps,
    Where,
)  # fmt: skip
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach

__all__ = ["Through"]

Result = TypeVar("Result")
Verb: TypeAlias = Literal[
    "put", "replace", "get", "delete", "scan", "nearest", "matching", "fused", "relevant", "extract", "brief", "revision", "sweep", "count",
    "ping", "scrub",
]  # fmt: skip
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
WRITES: Final[frozenset[Verb]] = frozenset({"put", "replace", "delete", "extract", "sweep"})


class Around(Protocol):
    async def __call__(self, verb: Verb, call: Callable[[Any], Awaitable[Result]], /) -> Result:
        """Make the call, or not; its result, or an error of ours."""
        ...


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Has none: it is made by other links."""


class Through:
    """Has whatever capabilities the builder says; opens nothing."""

    type_name: ClassVar[str] = "through"
    Options: ClassVar[type[Any]] = Options

    def __init__(self, around: Around, own: object = None) -> None:
        self._around = around
        for verb in VERBS:
            if hasattr(own, verb):
                setattr(self, verb, getattr(own, verb))

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 - the port's signature
        raise TypeError("a link has the capabilities of what it wraps")

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing of its own to open."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._around("put", lambda inner: inner.put(records))

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return await self._around("replace", lambda inner: inner.replace(records, beside))

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._around("get", lambda inner: inner.get(reach, ids))

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._around("delete", lambda inner: inner.delete(reach, ids))

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._around("scan", lambda inner: inner.scan(reach, scan))

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        return await self._around("nearest", lambda inner: inner.nearest(reach, vector, where, limit))

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._around("matching", lambda inner: inner.matching(reach, words, where, limit))

    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._around("fused", lambda inner: inner.fused(reach, vector, words, where, limit))

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        return await self._around("relevant", lambda inner: inner.relevant(reach, question, where, limit))

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        return await self._around("extract", lambda inner: inner.extract(records, wait=wait))

    async def brief(self, reach: Reach, question: str) -> Brief:
        return await self._around("brief", lambda inner: inner.brief(reach, question))

    async def revision(self, reach: Reach) -> bytes:
        return await self._around("revision", lambda inner: inner.revision(reach))

    async def sweep(self, limit: int) -> int:
        """0 where nothing has to be swept."""
        return await self._around("sweep", lambda inner: _sweep(inner, limit))

    async def count(self) -> dict[Kind, Count]:
        """Unavailable (`not_counted`) where the backend does not count."""
        return await self._around("count", _count)

    async def ping(self) -> None:
        """Returns at once where the backend cannot be asked."""
        return await self._around("ping", _ping)

    async def scrub(self) -> bool:
        """True where the backend keeps no files of its own that anybody could look into from here."""
        return await self._around("scrub", _scrub)


async def _scrub(inner: Any) -> bool:
    return await inner.scrub() if isinstance(inner, Scrubs) else True


async def _sweep(inner: Any, limit: int) -> int:
    return await inner.sweep(limit) if isinstance(inner, Sweeps) else 0


async def _count(inner: Any) -> dict[Kind, Count]:
    if isinstance(inner, Counted):
        return await inner.count()
    raise Unavailable("this backend does not count", code="not_counted")


async def _ping(inner: Any) -> None:
    if isinstance(inner, Pinged):
        await inner.ping()
