"""Vectors between records and pgvector: float32 little-endian here, big-endian behind a length on the wire.

What pgvector cannot hold (no number, too many of them) stays bytes; such a vector is near nothing, and comes back all the
same. Knows no tables.
"""

import struct
from typing import Final

import numpy as np

_MOST: Final = 16_000


def fits(vector: bytes) -> bool:
    """Whether the column can hold it without loss."""
    many, rest = divmod(len(vector), 4)
    return not rest and 0 < many <= _MOST and bool(np.isfinite(np.frombuffer(vector, "<f4")).all())


def encoded(vector: bytes) -> bytes:
    return struct.pack(">HH", len(vector) // 4, 0) + np.frombuffer(vector, "<f4").astype(">f4").tobytes()


def decoded(wire: bytes) -> bytes:
    return np.frombuffer(wire, ">f4", offset=4).astype("<f4").tobytes()


def wire_of(vector: bytes) -> str | None:
    """In pgvector's text, every digit of it; None where the column cannot hold it."""
    if not fits(vector):
        return None
    return "[" + ",".join(str(number) for number in np.frombuffer(vector, "<f4")) + "]"
