"""The public keys of one issuer, read again now and then, and on request when a token names one that is not there.

Never makes anybody wait by itself: what is there is used while newer is being fetched, until it is too old. Fetching
can fail for ever without anything else failing. Knows no token.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from gateway.auth.jwk import Key, read_keys

LONGEST_FLOOR: Final = 30.0  # seconds between two looks that tokens may cause
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0

_log = logging.getLogger("gateway.auth")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where keys come from, and how often. Issuers with equal sources share one KeySet."""

    place: str  # an URL, or the path of a file
    refresh: float
    max_stale: float

    @property
    def remote(self) -> bool:
        return self.place.startswith(("https://", "http://"))


class KeySet:
    """`version` changes whenever the keys do. `load` raises OSError or ValueError with a reason for the log."""

    def __init__(
        self, source: Source, load: Callable[[], Awaitable[bytes]], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.version = 0
        self.source = source
        self._load = load
        self._now = now
        self._keys: tuple[Key, ...] = ()
        self._read_at = float("-inf")
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[bool] | None = None
        self._chore: asyncio.Task[None] | None = None

    @property
    def there(self) -> bool:
        """Whether it has keys that are not too old."""
        return bool(self._keys) and self._now() - self._read_at <= self.source.max_stale

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, id_: str, algorithm: str) -> Key | None:
        """The key of that id; of a token that names none, the only one there is for its algorithm."""
        if not self.there:
            return None
        fitting = [each for each in self._keys if algorithm in each.algorithms]
        if not id_:
            return fitting[0] if len(fitting) == 1 else None
        return next((each for each in fitting if each.id == id_), None)

    def look(self) -> asyncio.Task[bool] | None:
        """The look that is under way, or a new one; None where the last one was just now."""
        if self._looking is None and self._now() - self._looked_at >= min(LONGEST_FLOOR, self.source.refresh):
            self._begin()
        return self._looking

    async def start(self) -> None:
        """Keys of a file are there when this returns; those of a URL come when they come."""
        looking = self._begin()
        self._chore = asyncio.create_task(self._refresh(looking), name="keys of an issuer")
        if not self.source.remote:
            await asyncio.wait([looking])

    async def stop(self) -> None:
        for task in (self._chore, self._looking):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _begin(self) -> asyncio.Task[bool]:
        if self._looking is None:
            self._looked_at = self._now()
            self._looking = asyncio.create_task(self._look(), name="look for keys")
        return self._looking

    async def _refresh(self, looking: asyncio.Task[bool]) -> None:
        pause = _FIRST_PAUSE
        while True:
            await asyncio.wait([looking])
            done = not looking.cancelled() and looking.result()
            pause = _FIRST_PAUSE if done else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(self.source.refresh if done else min(pause, self.source.refresh))
            looking = self._begin()

    async def _look(self) -> bool:
        try:
            keys = await asyncio.to_thread(read_keys, await self._load())
        except (OSError, ValueError) as error:
            # Its place is not told: an URL may hold what is nobody's business.
            _log.warning("keys of an issuer cannot be read", extra={"why": str(error), "kept": len(self._keys)})
            return False
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server does, it ends here
            _log.warning("keys of an issuer cannot be read", extra={"why": type(error).__name__})
            return False
        finally:
            self._looking = None
        if [(each.id, _bytes(each)) for each in keys] != [(each.id, _bytes(each)) for each in self._keys]:
            self.version += 1
        self._keys, self._read_at = keys, self._now()
        return True


def _bytes(key: Key) -> tuple[bytes, frozenset[str]]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key.algorithms
