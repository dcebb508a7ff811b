"""The two clients. `Gateway` blocks, `AsyncGateway` awaits; the operations of both are the same.

A client may be bound: `gateway.user("ann")` shares the connections and names Ann wherever a call does not say otherwise.
"""

import copy
import logging
from types import TracebackType
from typing import Final, Literal, Self, Unpack, cast

import httpx
import msgspec

from gateway.client.awaiting import (
    AsyncCheckpoints,
    AsyncMemories,
    AsyncQuarantine,
    AsyncRuns,
    AsyncSessions,
    AsyncSubjects,
)
from gateway.client.blocking import Checkpoints, Memories, Quarantine, Runs, Sessions, Subjects
from gateway.client.operation import ScopeParts
from gateway.client.trying import Policy
from gateway.client.wires import AsyncWire, Fault, Settings, Wire

ADDRESS: Final = "http://127.0.0.1:8080"
SCOPE: Final = frozenset({"user_id", "agent_id", "run_id", "route"})
KEPT: Final = 100
POLICY: Final = frozenset(Policy.__struct_fields__)

_log = logging.getLogger("gateway.client")


class Faults:
    """Reads that were answered with nothing although something failed: how many, and the last of them."""

    def __init__(self) -> None:
        self.count = 0
        self.last: list[Fault] = []  # the newest at the end, at most KEPT

    def note(self, fault: Fault) -> None:
        self.count += 1
        self.last = [*self.last[1 - KEPT :], fault]
        _log.warning("answered with nothing", extra={"path": fault.path, "code": fault.code})


class Options(ScopeParts, total=False):
    """What both clients take beside an address. The parts of the scope and the route are defaults for every call."""

    api_key: str | None
    timeout: float  # seconds for one try
    deadline: float  # seconds for a call with all its tries and pauses
    retries: int  # after the first try
    on_read_error: Literal["raise", "empty"]  # empty: reads find nothing where the gateway or a backend is away
    max_connections: int
    headers: dict[str, str]


def _settings(base_url: str, options: Options, faults: Faults) -> Settings:
    headers = {"Accept": "application/json", **options.get("headers", {})}
    key = options.get("api_key")
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return Settings(
        base_url=base_url,
        headers=headers,
        policy=msgspec.convert({name: options[name] for name in options.keys() & POLICY}, Policy),
        max_connections=options.get("max_connections", 100),
        on_fault=faults.note,
    )


def _scope(options: Options) -> ScopeParts:
    return cast("ScopeParts", {name: value for name, value in options.items() if name in SCOPE})


class Gateway:
    """Blocks. May be used from many threads; close it, or use it as a context manager."""

    memories: Memories
    sessions: Sessions
    checkpoints: Checkpoints
    runs: Runs
    subjects: Subjects
    quarantine: Quarantine
    faults: Faults

    def __init__(
        self,
        base_url: str = ADDRESS,
        *,
        transport: httpx.BaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connects to nothing yet. `base_url` may hold a path: `http://gw/r/notes` names a route."""
        self.faults = Faults()
        self._wire = Wire(_settings(base_url, options, self.faults), transport)
        self._bind(_scope(options))

    def scoped(self, **scope: Unpack[ScopeParts]) -> Self:
        """The same client with these as defaults; None takes one away. Shares the connections and their end."""
        bound = copy.copy(self)
        bound._bind({**self._scope, **scope})  # noqa: SLF001 - of its own class
        return bound

    @property
    def scope(self) -> ScopeParts:
        """What every call names that does not say otherwise."""
        return {**self._scope}

    def user(self, user_id: str) -> Self:
        return self.scoped(user_id=user_id)

    def close(self) -> None:
        """For this client and all that were bound from it."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _bind(self, scope: ScopeParts) -> None:
        self._scope = scope
        self.memories = Memories(self._wire, scope)
        self.sessions = Sessions(self._wire, scope)
        self.checkpoints = Checkpoints(self._wire, scope)
        self.runs = Runs(self._wire, scope)
        self.subjects = Subjects(self._wire, scope)
        self.quarantine = Quarantine(self._wire, scope)


class AsyncGateway:
    """Awaits. May be used by many tasks, and by one event loop after another; close it, or use it as a context manager."""

    memories: AsyncMemories
    sessions: AsyncSessions
    checkpoints: AsyncCheckpoints
    runs: AsyncRuns
    subjects: AsyncSubjects
    quarantine: AsyncQuarantine
    faults: Faults

    def __init__(
        self,
        base_url: str = ADDRESS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connects to nothing yet. `base_url` may hold a path: `http://gw/r/notes` names a route."""
        self.faults = Faults()
        self._wire = AsyncWire(_settings(base_url, options, self.faults), transport)
        self._bind(_scope(options))

    def scoped(self, **scope: Unpack[ScopeParts]) -> Self:
        """The same client with these as defaults; None takes one away. Shares the connections and their end."""
        bound = copy.copy(self)
        bound._bind({**self._scope, **scope})  # noqa: SLF001 - of its own class
        return bound

    @property
    def scope(self) -> ScopeParts:
        """What every call names that does not say otherwise."""
        return {**self._scope}

    def user(self, user_id: str) -> Self:
        return self.scoped(user_id=user_id)

    async def close(self) -> None:
        """For this client and all that were bound from it."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def _bind(self, scope: ScopeParts) -> None:
        self._scope = scope
        self.memories = AsyncMemories(self._wire, scope)
        self.sessions = AsyncSessions(self._wire, scope)
        self.checkpoints = AsyncCheckpoints(self._wire, scope)
        self.runs = AsyncRuns(self._wire, scope)
        self.subjects = AsyncSubjects(self._wire, scope)
        self.quarantine = AsyncQuarantine(self._wire, scope)
