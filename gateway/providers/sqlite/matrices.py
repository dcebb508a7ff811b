"""Vectors of whole reaches, kept in memory for exact search: the least recently used go when there are too many bytes.

A matrix is right for one revision of its reach, whoever wrote it. A later one is made from it by fetching only what is
new: a `seq` names one stored version for ever. Used from several threads.
"""

import threading
from collections import OrderedDict
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.exact import Matrix, stacked
from gateway.providers.sqlite.reading import Reading

Numbers: TypeAlias = NDArray[np.int64]
Key: TypeAlias = tuple[Reach, frozenset[Kind], int]

_NEVER: Final = 2**62
_ALIVE_FROM: Final = 0  # every row, also what has expired: an expiry is looked at when it is searched
_AT_ONCE: Final = 2_000
_FETCH: Final = "SELECT seq, expires, vector FROM records WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"


class Vectors(msgspec.Struct, frozen=True):
    """Row n of `matrix` is the vector of `seqs[n]`. `others` are rows without a vector of this length."""

    token: bytes
    seqs: Numbers
    expires: Numbers
    matrix: Matrix
    others: Numbers

    def bytes(self) -> int:
        return self.matrix.nbytes + self.seqs.nbytes + self.expires.nbytes + self.others.nbytes + 500


class Matrices:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, Vectors] = OrderedDict()

    def fresh(self, key: Key, token: bytes) -> Vectors | None:
        """What is known for exactly this revision."""
        with self._lock:
            known = self._known.get(key)
            if known is None or known.token != token:
                return None
            self._known.move_to_end(key)
            return known

    def load(self, reading: Reading, key: Key) -> Vectors:
        """What holds now, read as far as it is not known. Blocks."""
        # The token is taken first: what is written meanwhile makes the next search look again.
        token = reading.revision(key[0])
        known = self.fresh(key, token)
        if known is None:
            with self._lock:
                older = self._known.get(key)
            known = _read(reading, key, token, older)
            self._keep(key, known)
        return known

    def clear(self) -> None:
        with self._lock:
            self._known.clear()
            self._held = 0

    def _keep(self, key: Key, vectors: Vectors) -> None:
        with self._lock:
            old = self._known.pop(key, None)
            self._held += vectors.bytes() - (old.bytes() if old is not None else 0)
            self._known[key] = vectors
            while self._held > self._limit:
                _, gone = self._known.popitem(last=False)
                self._held -= gone.bytes()


def _read(reading: Reading, key: Key, token: bytes, older: Vectors | None) -> Vectors:
    reach, kinds, dimension = key
    rows = reading.rows(reach, kinds, None, _ALIVE_FROM)
    live = _numbers([])
    if rows is not None:
        query = rows.numbers()
        live = _numbers([seq for (seq,) in reading.connection.execute(query.sql, query.values)])
    if older is None:
        older = Vectors(b"", _numbers([]), _numbers([]), np.zeros((0, dimension), np.float32), _numbers([]))
    kept = np.isin(older.seqs, live)
    others = older.others[np.isin(older.others, live)]
    new = np.setdiff1d(live, np.concatenate((older.seqs, older.others)))
    fetched: list[tuple[int, int | None, bytes | None]] = []
    for start in range(0, len(new), _AT_ONCE):
        wanted = msgspec.json.encode(new[start : start + _AT_ONCE].tolist()).decode()
        fetched.extend(reading.connection.execute(_FETCH, (wanted,)))
    good = [(seq, expires, vector) for seq, expires, vector in fetched if vector and len(vector) == 4 * dimension]
    missing = np.setdiff1d(_numbers([row[0] for row in fetched]), _numbers([row[0] for row in good]))
    return Vectors(
        token=token,
        seqs=np.concatenate((older.seqs[kept], _numbers([row[0] for row in good]))),
        expires=np.concatenate((older.expires[kept], _numbers([_NEVER if row[1] is None else row[1] for row in good]))),
        matrix=np.concatenate((older.matrix[kept], stacked([row[2] for row in good], dimension))),
        others=np.concatenate((others, missing)),
    )


def _numbers(values: list[Any]) -> Numbers:
    return np.array(values, dtype=np.int64)
