"""What a hook is told. It never holds a provider: what may be looked up, is looked up through `Lookup`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from gateway.domain.hooking.moments import Event, Moment
from gateway.domain.ports import Where
from gateway.domain.principal import Principal
from gateway.domain.record import Kind, Provenance, Record


class Actor(msgspec.Struct, frozen=True):
    """The user a request is for; the id is "" where it names none."""

    id: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a read found. `content` is text, or the JSON that was kept."""

    id: str
    kind: Kind
    content: Any
    metadata: dict[str, Any] = {}
    role: str = ""
    created_at: datetime
    score: float | None = None
    relevance: float | None = None
    provenance: Provenance = Provenance()


@runtime_checkable
class Lookup(Protocol):
    """What a hook may look up: records of the scope that the request writes to, or what it may read."""

    async def find(self, where: Where, limit: int) -> Sequence[Record]:
        """The newest first. Unavailable where the backend is away."""
        ...


class HookContext(msgspec.Struct, frozen=True, kw_only=True):
    """All that a hook is told. What an event has no use for is None or empty.

    `content` is what a write would keep: text, or JSON (a message is an object, a checkpoint its state). `memory_*` are
    the words of agents' frameworks: the readable text of a write, the query of a search, what a read found.
    """

    moment: Moment
    operation: str = ""  # `memory.add`: as in metrics and logs
    at: datetime
    tenant: str = ""
    route: str = ""
    principal: Principal | None = None
    user: Actor | None = None
    agent: str = ""
    session: str = ""  # or the run
    ip: str = ""
    request_id: str = ""
    kind: Kind | None = None  # of what is written
    source_kind: str = ""  # who said it, as far as its role tells: user, agent, tool, system, or ""
    record: Record | None = None  # as it would be kept, or as it was
    old: Record | None = None  # before an update: what it changes
    content: Any = None
    memory_content: str | None = None
    memory_query: str | None = None
    memory_results: tuple[Result, ...] | None = None
    metadata: dict[str, Any] = {}
    target: str = ""  # id of what is read, changed or deleted, where there is one
    count: int | None = None  # after a delete: how many there were
    flags: tuple[str, ...] = ()  # what hooks before this one have noted
    code: str = ""  # of the error
    lookup: Lookup | None = None

    @property
    def event(self) -> Event:
        return self.moment.event

    @property
    def results_count(self) -> int:
        return len(self.memory_results or ())
