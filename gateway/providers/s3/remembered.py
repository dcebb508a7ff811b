"""Documents by name and etag, the last used ones within a number of bytes. Knows no bucket: whoever asks says the etag."""

from collections import OrderedDict

from gateway.providers.s3.bucket import Stored


class Remembered:
    def __init__(self, bytes_: int) -> None:
        self._room = bytes_
        self._held: OrderedDict[str, Stored] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def find(self, name: str, etag: str) -> Stored | None:
        """Only as of this etag."""
        stored = self._held.get(name)
        if stored is None or stored.etag != etag:
            return None
        self._held.move_to_end(name)
        return stored

    def last(self, name: str) -> Stored | None:
        """As it was when it was last seen, which may be long ago."""
        return self._held.get(name)

    def keep(self, name: str, stored: Stored) -> None:
        self.drop(name)
        self._held[name] = stored
        self._room -= len(stored.content)
        while self._room < 0:
            _, oldest = self._held.popitem(last=False)
            self._room += len(oldest.content)

    def drop(self, name: str) -> None:
        stored = self._held.pop(name, None)
        if stored is not None:
            self._room += len(stored.content)
