"""Vectors of texts seen lately, so that a repeated question costs nothing.

Least recently used out first; long texts are never kept. Not shared between threads. Knows no embedder.
"""

from collections import OrderedDict
from typing import Final

LONGEST: Final = 2_000  # characters; what is longer is a document and seldom comes twice


class Remembered:
    """At most `size` vectors; 0 keeps none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def find(self, text: str) -> bytes | None:
        vector = self._kept.get(text)
        if vector is not None:
            self._kept.move_to_end(text)
        return vector

    def keep(self, text: str, vector: bytes) -> None:
        if len(text) > LONGEST or not self._size:
            return
        self._kept[text] = vector
        self._kept.move_to_end(text)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
