"""What a hook owes to somebody outside, so that it can be listed, tried again and dropped with all else that is owed."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec


class Waiting(msgspec.Struct, frozen=True):
    """A letter as it is listed. Times in seconds; `due` is None where it is dead; `why` is what came of its last attempt."""

    id: str
    kept: float
    due: float | None
    attempts: int
    why: str


class Letters(Protocol):
    """Where they are kept. Blocks; for threads. May be opened beside a gateway that runs."""

    def exists(self) -> bool: ...

    def open(self) -> None: ...

    def close(self) -> None: ...

    def waiting(self, *, dead: bool, limit: int = 1000) -> Sequence[Waiting]:
        """All, or those that are dead; the oldest first."""
        ...

    def counts(self) -> Sequence[tuple[bool, int, float]]:
        """Whether they are dead, how many, and when the oldest was kept."""
        ...

    def again(self, ids: Sequence[str] | None, now: float) -> int:
        """These, or all that are dead, begin anew. How many did."""
        ...

    def drop(self, ids: Sequence[str] | None) -> int:
        """Forgets these, or all that are dead. How many."""
        ...


@runtime_checkable
class Owing(Protocol):
    """A hook that keeps letters; it has them open while it is open itself."""

    @property
    def letters(self) -> Letters: ...
