"""Records, scopes, vectors and times for tests, made easily and never by chance: the same seed gives the same ones."""

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gateway.domain.ids import Mint
from gateway.domain.ports import Order, Page, Position, Provider, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope

MEMORIES = Where(frozenset({Kind.MEMORY}))


class Time:
    """A clock that stands still until it is moved. It starts now, for stores that also watch a clock of their own."""

    def __init__(self, start: datetime | None = None) -> None:
        self.now = start or datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Maker:
    """Makes records of one tenant that no other test has. Each gets its own id and time, later than the one before."""

    def __init__(self, clock: Time, seed: str = "maker") -> None:
        self._random = random.Random(seed)
        self._mint = Mint(clock, self._random.randbytes)
        self.tenant = "t-" + hashlib.sha256(seed.encode()).hexdigest()[:12]

    def scope(self, user: str = "ann", *, agent: str = "", run: str = "", space: str = "default") -> Scope:
        return Scope(self.tenant, space, user, agent, run)

    def record(self, text: str = "likes tea", scope: Scope | None = None, **others: Any) -> Record:
        """`others` are fields of Record, or `ttl` in seconds."""
        stamp = self._mint.stamp()
        ttl = others.pop("ttl", None)
        if ttl is not None:
            others["expires_at"] = stamp.at + timedelta(seconds=ttl)
        fields: dict[str, Any] = {
            "id": stamp.id, "kind": Kind.MEMORY, "scope": scope or self.scope(), "text": text,
            "created_at": stamp.at, "updated_at": stamp.at, **others,
        }  # fmt: skip
        return Record(**fields)

    def records(self, number: int, scope: Scope | None = None, **others: Any) -> list[Record]:
        return [self.record(f"note {n}", scope, **others) for n in range(number)]

    def vector(self, dimension: int = 8) -> bytes:
        return unit([self._random.gauss(0, 1) for _ in range(dimension)])


def unit(numbers: Sequence[float]) -> bytes:
    """The vector of this direction as records hold it."""
    array = np.array(numbers, dtype=np.float64)
    return (array / np.linalg.norm(array)).astype("<f4").tobytes()


def cosine(a: bytes, b: bytes) -> float:
    return float(np.frombuffer(a, "<f4").astype(np.float64) @ np.frombuffer(b, "<f4").astype(np.float64))


def everything(tenant: str) -> Reach:
    return Reach(tenant, None, None, None, None)


async def pages(
    provider: Provider,
    reach: Reach,
    where: Where = MEMORIES,
    *,
    limit: int = 100,
    order: Order = Order.NEWEST,
    after: Position | None = None,
    vectors: bool = False,
) -> list[Page]:
    """Every page, until there is no next. Fails rather than turn for ever."""
    found: list[Page] = []
    for _ in range(10_000):
        page = await provider.scan(reach, Scan(where=where, limit=limit, order=order, after=after, vectors=vectors))
        found.append(page)
        if page.next is None:
            return found
        after = page.next
    raise AssertionError("paging does not end")


async def scanned(
    provider: Provider,
    reach: Reach,
    where: Where = MEMORIES,
    *,
    limit: int = 100,
    order: Order = Order.NEWEST,
    vectors: bool = False,
) -> list[Record]:
    """All records of all pages."""
    found = await pages(provider, reach, where, limit=limit, order=order, vectors=vectors)
    return [record for page in found for record in page.records]


async def one(provider: Provider, record: Record) -> Record | None:
    """The record as it is stored now, looked for in its own scope."""
    return (await provider.get(Reach.only(record.scope), [record.id]))[0]
