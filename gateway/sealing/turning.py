"""A secret rotation of vectors: every cosine stays, so any backend can search them.

It hides what a vector alone would tell. It is obfuscation and no encryption: about as many known pairs as the vectors
have dimensions undo it.
"""

from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from gateway.sealing.envelope import derived

_WORD: Final = 8


class Turning:
    """The same for the same key and dimension, in every process."""

    def __init__(self, key: bytes, dimension: int) -> None:
        self._size = 4 * dimension
        self._matrix = rotation(key, dimension)

    def turned(self, vector: bytes) -> bytes:
        return self._by(vector, self._matrix)

    def back(self, vector: bytes) -> bytes:
        return self._by(vector, self._matrix.T)

    def _by(self, vector: bytes, matrix: NDArray[np.float64]) -> bytes:
        if len(vector) != self._size:
            return vector  # of another embedder: nothing will be like it anyway
        given = np.frombuffer(vector, dtype="<f4").astype(np.float64)
        found: Any = (matrix @ given).astype("<f4")
        return bytes(found.tobytes())


def rotation(key: bytes, dimension: int) -> NDArray[np.float64]:
    """An orthogonal matrix, drawn evenly from all there are: normal numbers out of a key stream, made orthogonal."""
    stream = Cipher(algorithms.AES(derived(key, "vector")), modes.CTR(bytes(16))).encryptor()
    raw = np.frombuffer(stream.update(bytes(2 * _WORD * dimension * dimension)), dtype="<u8")
    even = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    first, second = even[::2], even[1::2]
    normal = np.sqrt(-2.0 * np.log(1.0 - first)) * np.cos(2.0 * np.pi * second)
    turned, upper = np.linalg.qr(normal.reshape(dimension, dimension))
    found: NDArray[np.float64] = turned * np.sign(np.diag(upper))
    return found
