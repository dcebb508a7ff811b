"""All that is still owed, wherever it is kept: deliveries and erasures in the store of the jobs, letters in files of hooks.

For threads and command lines: blocks, beside a gateway that runs or without one. What was never begun is not opened.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

from gateway.config.compiled import Config
from gateway.domain.ids import Clock
from gateway.jobs.jobs import place_of
from gateway.jobs.untold import Untold, declared
from gateway.runtime.background import Listed


class Shelf(Protocol):
    """One place where what is owed is kept."""

    def listed(self, *, dead: bool) -> list[Listed]:
        """All of it, or what is given up."""
        ...

    def retry(self, ids: Sequence[str] | None) -> int:
        """These, or all that are given up, are due now. How many of them are kept here."""
        ...

    def drop(self, ids: Sequence[str] | None) -> int:
        """Forgets these, or all that are given up. How many."""
        ...


def shelves(config: Config, clock: Clock, stack: ExitStack) -> list[Shelf]:
    """Open until the stack ends."""
    found: list[Shelf] = []
    place = place_of(config)
    if place.exists():
        found += _of_the_store(config, clock, stack)
    for key, letters in declared(config, clock):
        letters.open()
        stack.callback(letters.close)
        found.append(Untold(key, letters, clock))
    return found


def _of_the_store(config: Config, clock: Clock, stack: ExitStack) -> list[Shelf]:
    from gateway.jobs.erasure.store import ErasureStore
    from gateway.jobs.erasure.unerased import Unerased
    from gateway.jobs.store import Store
    from gateway.jobs.tending import Tending

    found: list[Shelf] = []
    place = place_of(config)
    jobs = Store(place, clock)
    stack.callback(jobs.close)
    if jobs.ready():
        found.append(Tending(jobs))
    erasures = ErasureStore(place, clock, os.urandom)
    stack.callback(erasures.close)
    if erasures.ready():
        found.append(Unerased(erasures))
    return found
