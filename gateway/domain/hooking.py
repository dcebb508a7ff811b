"""Hooks: what may look at an operation, change it, or end it; and what it is told and may answer.

A hook stands before or after an operation. Before a write it sees the record as it would be kept, text and body, ahead
of embedding and storing; after a read it sees what was found. It never sees a provider: what it may look up, it looks
up through `Lookup`, within the scope of the request.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol, runtime_checkable

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import Forbidden, GatewayError, Invalid
from gateway.domain.ports import Where
from gateway.domain.principal import Principal
from gateway.domain.record import Kind, Provenance, Record


class Event(StrEnum):
    ADD = "add"
    UPDATE = "update"
    SEARCH = "search"
    GET = "get"
    LIST = "list"
    DELETE = "delete"
    APPEND = "append"  # to a session: its messages, its system prompt, the session itself
    CHECKPOINT = "checkpoint"  # put: a checkpoint, or the state of a run
    ERROR = "error"
    RELOAD = "reload"


class Moment(StrEnum):
    """When a hook is asked."""

    BEFORE_ADD = "before_add"
    AFTER_ADD = "after_add"
    BEFORE_UPDATE = "before_update"
    AFTER_UPDATE = "after_update"
    BEFORE_SEARCH = "before_search"
    AFTER_SEARCH = "after_search"
    BEFORE_GET = "before_get"
    AFTER_GET = "after_get"
    BEFORE_LIST = "before_list"
    AFTER_LIST = "after_list"
    BEFORE_DELETE = "before_delete"
    AFTER_DELETE = "after_delete"
    BEFORE_APPEND = "before_append"
    AFTER_APPEND = "after_append"
    BEFORE_CHECKPOINT = "before_checkpoint"
    AFTER_CHECKPOINT = "after_checkpoint"
    ERROR = "error"  # an operation that was let in has failed
    RELOAD = "reload"  # a new configuration serves, or was refused

    @property
    def event(self) -> Event:
        return Event(self.value.removeprefix("before_").removeprefix("after_"))

    @property
    def before(self) -> bool:
        return self.value.startswith("before_")


_WORDS: Final = frozenset(each.value for each in Moment)


def before(*events: Event) -> frozenset[Moment]:
    return frozenset(Moment(f"before_{each.value}") for each in events)


def after(*events: Event) -> frozenset[Moment]:
    return frozenset(Moment(f"after_{each.value}") for each in events)


WRITES: Final = (Event.ADD, Event.UPDATE, Event.APPEND, Event.CHECKPOINT)
READS: Final = (Event.SEARCH, Event.GET, Event.LIST)
MUTATIONS: Final = (*WRITES, Event.DELETE)

ALIASES: Final[dict[str, Moment]] = {
    "on_memory_add": Moment.BEFORE_ADD,
    "on_memory_search": Moment.AFTER_SEARCH,
    "on_checkpoint": Moment.BEFORE_CHECKPOINT,
    "on_error": Moment.ERROR,
}


def moments_of(word: str, usual: frozenset[Moment]) -> frozenset[Moment]:
    """What a word of `on:` means: one moment by its name; of an event, those of the hook's usual moments."""
    if word in ALIASES:
        return frozenset({ALIASES[word]})
    if word in _WORDS:
        return frozenset({Moment(word)})
    return frozenset(each for each in usual if each.event == word)


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


class Action(StrEnum):
    PROCEED = "proceed"
    SKIP = "skip"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook answers; made by the functions below. What is UNSET stays as it is."""

    action: Action = Action.PROCEED
    content: Any = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    query: str | UnsetType = UNSET
    results: tuple[Result, ...] | UnsetType = UNSET
    flags: tuple[str, ...] = ()
    reason: str = ""
    error: GatewayError | None = None
    existing: Record | None = None
    answer: str = ""  # what to count it as, where the action does not say it all

    @property
    def changes(self) -> bool:
        return any(
            each is not UNSET for each in (self.content, self.metadata, self.expires_at, self.query, self.results)
        )


def proceed(*flags: str) -> Outcome:
    """Go on; the flags are kept with what is written, under `compliance_flags` of its metadata."""
    return Outcome(flags=flags)


def modify(
    *,
    content: Any = UNSET,
    metadata: dict[str, Any] | UnsetType = UNSET,
    expires_at: datetime | UnsetType | None = UNSET,
    query: str | UnsetType = UNSET,
    results: Sequence[Result] | UnsetType = UNSET,
    flags: Sequence[str] = (),
) -> Outcome:
    """Go on with something else. `metadata` takes the place of what was there. Text given for a message becomes its
    content; `results` are some of those that were found, in any order, changed or not."""
    return Outcome(
        content=content,
        metadata=metadata,
        expires_at=expires_at,
        query=query,
        results=results if isinstance(results, UnsetType) else tuple(results),
        flags=tuple(flags),
    )


def skip(reason: str = "", *, existing: Record | None = None) -> Outcome:
    """Do nothing, and say so: nothing is written or deleted, nothing is found. `existing` is told in its place."""
    return Outcome(action=Action.SKIP, reason=reason, existing=existing)


def reject(reason: str, *, code: str = "hook_rejected", at: str = "", forbidden: bool = False) -> Outcome:
    """Refuse with 422, or 403. The reason is told to the caller: never quote contents in it."""
    return refuse((Forbidden if forbidden else Invalid)(reason, code=code, at=at))


def refuse(error: GatewayError) -> Outcome:
    """Refuse with any other error: TooMany with its Retry-After."""
    return Outcome(action=Action.REJECT, error=error, reason=error.detail)


def quarantine(reason: str, *flags: str) -> Outcome:
    """Keep what is written where no read finds it, until somebody has looked at it."""
    return Outcome(action=Action.QUARANTINE, reason=reason, flags=flags)


@runtime_checkable
class Hook(Protocol):
    """A hook of some type.

    `type_name` is its `type:` in YAML, `Options` the struct of its own keys there. `moments` are all it can be asked
    at, `usual` those that the bare name of an event stands for, and that it is asked at without `on:`. The constructor
    does no I/O and gets a Kit: its name, the clock, and `home`, where relative paths of options start. An instance lives
    as long as its declaration stays the same, through every reload, and is shared by all routes that name it: state
    belongs on it, in a bounded form, and never in the module.
    """

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]
    moments: ClassVar[frozenset[Moment]]
    usual: ClassVar[frozenset[Moment]]

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, load, and push the clean-up on the caller's stack."""
        ...

    async def run(self, context: HookContext) -> Outcome:
        """Decide. Called many times at once. A GatewayError raised here is the hook's failure, told by its code where
        `on_failure` is reject; anything else raised is told as `hook_failed`."""
        ...
