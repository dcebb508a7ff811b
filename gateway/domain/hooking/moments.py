"""When a hook is asked: events, the moments before and after them, and the words for both."""

from enum import StrEnum
from typing import Final


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
