"""How often each address came with a credential that was refused. Bounded, in this process, and forgotten with it.

Whoever comes too often is told to wait before anything that costs something is done for them. What costs nothing, the
look-up of a key that is right, is never kept from anybody: callers behind one proxy share an address.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from typing import Final

MOST_ADDRESSES: Final = 10_000
_MINUTE: Final = 60.0


class Failures:
    """A bucket for each address: it holds `most`, and drips dry in a minute."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._levels: dict[str, tuple[float, float]] = {}  # level, and when that was so

    def __bool__(self) -> bool:
        return bool(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, address: str, most: int) -> int:
        """Seconds until this address may fail again; 0 where it may now."""
        level = self._level(_network(address), most)
        return math.ceil((level + 1 - most) * _MINUTE / most) if level + 1 > most else 0

    def note(self, address: str, most: int) -> None:
        place = _network(address)
        level = self._level(place, most)
        self._levels.pop(place, None)
        while len(self._levels) >= MOST_ADDRESSES:
            del self._levels[next(iter(self._levels))]  # whoever failed longest ago
        self._levels[place] = (min(level + 1, most), self._now())

    def _level(self, place: str, most: int) -> float:
        known = self._levels.get(place)
        if known is None:
            return 0.0
        level = known[0] - (self._now() - known[1]) * most / _MINUTE
        if level <= 0:
            del self._levels[place]
            return 0.0
        return level


def _network(address: str) -> str:
    """Of IPv6, the half that somebody is given as a whole."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
