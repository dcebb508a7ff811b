"""Exact nearest vectors with numpy, for providers that keep plain vectors. Vectors have unit length: cosine is a product.

Knows no records: rows are numbers.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.intp]
Scores: TypeAlias = NDArray[np.floating[Any]]

_FEW = 256  # rows that are ranked first: most searches need no more


def stacked(vectors: Sequence[bytes], dimension: int) -> Matrix:
    """One row per vector. All must have the dimension."""
    flat = np.frombuffer(b"".join(vectors), dtype="<f4")
    return flat.astype(np.float32, copy=False).reshape(len(vectors), dimension)


def dimension_of(vector: bytes) -> int:
    return len(vector) // 4


def scores(matrix: Matrix, vector: bytes) -> Scores:
    return matrix @ np.frombuffer(vector, dtype="<f4").astype(np.float32, copy=False)


def best_first(found: Scores) -> Iterator[int]:
    """Row numbers by falling score; of equals the later row first. Sorts no more than is asked for, in two steps."""
    total = len(found)
    if total > 4 * _FEW:
        # Everything that ties with the last of the few is among the few, so that equals keep their order.
        few = np.flatnonzero(found >= np.partition(found, total - _FEW)[total - _FEW])
        ahead = few[np.lexsort((-few, -found[few]))]
        yield from ahead.tolist()
        rest = np.setdiff1d(np.arange(total), few, assume_unique=True)
        yield from rest[np.lexsort((-rest, -found[rest]))].tolist()
    else:
        yield from np.lexsort((-np.arange(total), -found)).tolist()
