"""All the looks at a place, in the order in which they are told."""

from collections.abc import Sequence
from typing import Final

from gateway.config.compiled import Config
from gateway.runtime.place.address import address
from gateway.runtime.place.facts import Check, Place, Said
from gateway.runtime.place.files import files
from gateway.runtime.place.limits import limits
from gateway.runtime.place.mounts import mounts
from gateway.runtime.place.software import clock, software, workers

CHECKS: Final[Sequence[Check]] = (software, mounts, files, workers, limits, clock, address)


def look(config: Config, place: Place) -> list[Said]:
    """Everything that can be said of this place for this config. Opens no provider and writes nothing."""
    return [said for check in CHECKS for said in check(config, place)]
