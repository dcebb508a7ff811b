"""What serves now, what has served before, what is news against both, and how each tenant stands. Reads no file."""

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.config.compiled import Compiled, Config
from gateway.runtime.build import Built
from gateway.runtime.reports import Past, Unit
from gateway.runtime.units import told_apart

if TYPE_CHECKING:
    from collections.abc import Mapping


class Generations:
    """`served` is what was read of the configuration that serves; `failed`, why tenants of it could not be built."""

    def __init__(self, began: datetime) -> None:
        self.number = 0
        self.served: Compiled | None = None
        self.applied_at = began
        self.failed: Mapping[str, str] = {}
        self._past: deque[tuple[Past, Compiled]] = deque(maxlen=100)
        self._units: dict[str, Unit] = {}

    @property
    def digest(self) -> str:
        return self.served.digest if self.served is not None else ""

    def enter(self, cause: str, read: Compiled, config: Config, built: Built, now: datetime) -> None:
        """After a commit. Of what has served before, as much is kept as `reload.history` says."""
        self.number = built.snapshot.generation
        self.served, self.applied_at = read, now
        self.failed = built.failed
        self._units = told_apart(self._units, read, built, now)
        past = Past(generation=self.number, digest=read.digest, at=now, cause=cause)
        self._past.append((past, read))
        while len(self._past) > config.reload.history + 1:
            self._past.popleft()

    def find(self, digest: str) -> Compiled | None:
        """The newest that has it."""
        return next((each for past, each in reversed(self._past) if past.digest == digest), None)

    def history(self) -> list[Past]:
        """Oldest first; the last one serves."""
        return [past for past, _ in self._past]

    def units(self) -> list[Unit]:
        """By name."""
        return sorted(self._units.values(), key=lambda unit: unit.name)


class News:
    """Files that are not to be tried: `refused` unless somebody asks, `held` back by a rollback."""

    def __init__(self) -> None:
        self.refused = ""
        self.held = ""

    def forget(self) -> None:
        self.refused = self.held = ""

    def worth(self, digest: str, *, news_only: bool) -> bool:
        """Of files that do not serve."""
        return digest != self.held and (not news_only or digest != self.refused)


def nothing_healed(generations: Generations, read: Compiled, built: Built) -> bool:
    """Whether the same files came to the same again: backends that were away still are."""
    same = generations.served is not None and read.digest == generations.digest
    return same and bool(built.failed) and not built.changed and built.failed.keys() == generations.failed.keys()
