"""An erasure that some process is at: how far it is, and of whom. Knows neither tables nor targets."""

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.chain.vanishing import Person
from gateway.domain.erasure import Standing
from gateway.domain.record import Kind


class Stage(StrEnum):
    CLOSED = "closed"  # nothing may be written: what can be reached is being erased
    OPEN = "open"  # some target is still to be reached
    LAST = "last"  # all have confirmed, and are looked at once more when nothing can be under way any longer
    ENDED = "ended"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that this process is at."""

    id: str
    tenant: str
    person: str
    noted: bool
    stage: Stage
    attempts: int
    at: datetime  # of its fence
    standing: Standing

    @property
    def is_whole(self) -> bool:
        """Neither a key, nor what is still to be delivered or told, is of one kind: it stays unless all kinds go."""
        return set(self.standing.kinds) == set(Kind)

    def whom(self) -> Person:
        return Person(tenant=self.tenant, user=self.person, kinds=frozenset(self.standing.kinds), noted=self.noted)
