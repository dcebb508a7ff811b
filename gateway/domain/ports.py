"""What floor 1 must offer, and nothing of how.

A Provider keeps Records: batches only, always within a Reach. Beyond the four verbs, what some backends can do has a
protocol each; a provider class declares in `capabilities` which of them it has, and the conformance suite holds it to it.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.ids import Clock
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class Position(msgspec.Struct, frozen=True):
    """A place in the order (created_at, id): strictly after it comes the rest."""

    created_at: datetime
    id: str


class Where(msgspec.Struct, frozen=True):
    """Which records of a reach are meant."""

    kinds: frozenset[Kind]
    filter: Filter | None = None


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    where: Where
    limit: int  # 1 to 1000
    order: Order = Order.NEWEST
    after: Position | None = None
    vectors: bool = False  # without it, providers may leave `vector` empty
    bodies: bool = True  # without it, providers may leave `body` empty


class Page(msgspec.Struct, frozen=True):
    """Records in order. `next` is None when nothing follows; a page may be short and still have a next."""

    records: tuple[Record, ...]
    next: Position | None = None


class Hit(msgspec.Struct, frozen=True):
    """A record and how well it fits: higher is better. Scores of one call compare with each other only."""

    record: Record
    score: float


class Count(msgspec.Struct, frozen=True):
    records: int = 0
    bytes: int = 0


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a provider with given options, known without I/O."""

    kinds: frozenset[Kind]
    nearest: bool = False  # is a Nearest
    matching: bool = False  # is a Matching
    fuses: bool = False  # is a Fused
    sweeps: bool = False  # is a Sweeps
    revised: bool = False  # is a Revised
    replaces: bool = False  # is a Replaces
    counted: bool = False  # is a Counted
    relevant: bool = False  # is a Relevant
    extracts: bool = False  # is an Extracts
    briefs: bool = False  # is a Briefs
    pinged: bool = False  # is a Pinged
    remote: bool = False  # behind a network, which may be slow or away
    durable: bool = False  # acknowledged writes survive a killed process
    shared: bool = False  # several processes may use it at once
    attested: bool = False  # somebody else's service: what it says to have deleted can only be believed
    exclusive: frozenset[str] = frozenset()  # things only one instance may hold, e.g. "file:/data/m.db"


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider, embedder or strategy is given beside its own options."""

    name: str
    clock: Clock
    home: Path  # relative paths in options start here
    dimension: int | None = None  # length of the vectors it will see, None for no vectors


@runtime_checkable
class Provider(Protocol):
    """A backend, or a chain of them.

    `type_name` is its `type:` in YAML, `Options` the struct of its keys there. Constructors do no I/O.
    Every verb may raise Unavailable. Expired records are never returned or counted by any verb.
    """

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities: ...

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, create what is missing (idempotent), and push the clean-up on the caller's stack."""
        ...

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Store each record unless one with its id and an equal or newer version is there; True where stored.

        The batch is atomic where the backend can be. A record whose id exists in another scope is never stored, so no
        put moves or overwrites what belongs to someone else. An expired record gives way to any version.
        """
        ...

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        """The records in the order of their ids; None for what is absent, expired or outside the reach."""
        ...

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """Remove them; the number that were there. Idempotent. What is outside the reach stays."""
        ...

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        """Page through a reach in order. The filter applies before the limit."""
        ...


@runtime_checkable
class Nearest(Protocol):
    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        """The records with vectors closest by cosine, best first; `score` is the cosine. Filter before limit."""
        ...


@runtime_checkable
class Matching(Protocol):
    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        """The records that hold any of the words (stems where the backend stems), best first. Filter before limit."""
        ...


@runtime_checkable
class Fused(Protocol):
    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        """What is near the vector and what holds any of the words, in one question, as the backend itself puts the two
        together: best first. Filter before limit."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    async def sweep(self, limit: int) -> int:
        """Physically remove up to `limit` expired records; the number removed."""
        ...


@runtime_checkable
class Revised(Protocol):
    async def revision(self, reach: Reach) -> bytes:
        """A token that differs after any write or delete in the reach, by any process. Cheap enough for every search."""
        ...


@runtime_checkable
class Replaces(Protocol):
    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`, but only in the place of what is there and lives: what was deleted meanwhile stays deleted. Each
        record is compared and replaced in one step. `beside` is put if all of them were stored, together with them where
        a batch is one; the answer is of `records` alone."""
        ...


@runtime_checkable
class Counted(Protocol):
    async def count(self) -> dict[Kind, Count]:
        """What the whole backend holds, by kind. Cheap."""
        ...


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend made of what it was told: the id is that of a record which `get` finds, or found until now."""

    id: str
    text: str
    event: Literal["ADD", "UPDATE", "DELETE", "NONE"]


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A backend's own words about a reach, ready to be shown to a model as data. Empty where it has none yet."""

    context: str = ""
    summary: str = ""


@runtime_checkable
class Relevant(Protocol):
    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        """The records that the backend's own search finds for a question, best first; scores from 0 to 1."""
        ...


@runtime_checkable
class Extracts(Protocol):
    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """Learn from messages of one scope, in order, in the backend's own way, instead of keeping them as they are.

        With `wait`, what was learned can be read when this returns, and is told; without, it may come later and untold.
        """
        ...


@runtime_checkable
class Briefs(Protocol):
    async def brief(self, reach: Reach, question: str) -> Brief:
        """The backend's own account of the reach. The question may be empty."""
        ...


@runtime_checkable
class Scrubs(Protocol):
    async def scrub(self) -> bool:
        """What was replaced or deleted until now is in none of the backend's own files when this returns, logs among
        them. False where somebody else holds on to them for now."""
        ...


@runtime_checkable
class Pinged(Protocol):
    async def ping(self) -> None:
        """Return as soon as the backend answers the cheapest question there is; Unavailable where it does not."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Text to vectors. `dimension` is known without I/O."""

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]

    @property
    def dimension(self) -> int: ...

    async def open(self, stack: AsyncExitStack) -> None: ...

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """One float32 vector of unit length for each text, in order; a text without any meaning gives zeros."""
        ...
