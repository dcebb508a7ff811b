"""Any row of numbers to the form vectors have here: float32, little-endian, of unit length; zeros stay zeros."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit(row: NDArray[np.floating[Any]]) -> bytes:
    wide = row.astype(np.float64)
    length = float(np.sqrt(wide.dot(wide)))
    return (wide / length if length else wide).astype("<f4").tobytes()
