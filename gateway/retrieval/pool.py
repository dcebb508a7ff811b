"""The candidates of a search, laid out for ranking: one row for each record, newest first.

A pool never changes; `masked` gives another view of the same rows in which some do not count. Rows that are not live
have no influence on anything: ranking a masked pool equals ranking a pool of its live records alone. Knows no
provider and no strategy.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.domain.filters import Filter, matches
from gateway.domain.record import Record
from gateway.retrieval.postings import Floats, Postings, Rows

__all__ = ["Floats", "Mask", "Pool", "Rows"]

Mask: TypeAlias = NDArray[np.bool_]

_KEPT_MASKS: Final = 16
_OVERHEAD: Final = 1_500  # bytes of a record beside its contents, roughly
_POSTINGS: Final = 4  # bytes of postings for each character of text, roughly


class Pool:
    """`matrix` has a unit vector in each row, zeros where a record has none. `created_at` is in seconds since 1970.

    `found` is what the backend's own search said of each row, from 0 to 1; None where it was not asked.
    """

    __slots__ = ("_expires_at", "_masks", "_postings", "created_at", "found", "live", "matrix", "records")

    def __init__(self, records: Iterable[Record], dimension: int = 0) -> None:
        """Keeps the newest version of each id. A vector whose length is not `dimension` counts as none."""
        newest: dict[str, Record] = {}
        for record in records:
            known = newest.get(record.id)
            if known is None or record.version > known.version:
                newest[record.id] = record
        self.records: tuple[Record, ...] = tuple(sorted(newest.values(), key=_age, reverse=True))
        size = len(self.records)
        self.created_at: Floats = np.fromiter((r.created_at.timestamp() for r in self.records), np.float64, size)
        self._expires_at: Floats | None = None
        if any(r.expires_at is not None for r in self.records):
            ends = (np.inf if r.expires_at is None else r.expires_at.timestamp() for r in self.records)
            self._expires_at = np.fromiter(ends, np.float64, size)
        self.matrix: NDArray[np.float32] = _matrix(self.records, dimension)
        self.live: Mask | None = None
        self.found: Floats | None = None
        self._masks: dict[str, Mask] = {}
        self._postings: list[Postings] = []

    def __len__(self) -> int:
        return len(self.records)

    @property
    def count(self) -> int:
        """How many rows are live."""
        return len(self.records) if self.live is None else int(np.count_nonzero(self.live))

    @property
    def rows(self) -> Rows:
        """The live rows, newest first."""
        return np.arange(len(self.records)) if self.live is None else np.flatnonzero(self.live)

    @property
    def postings(self) -> Postings:
        """Built at the first use, which for large pools belongs into a thread."""
        if not self._postings:
            self._postings.append(Postings([record.text for record in self.records]))
        return self._postings[0]

    @property
    def indexed(self) -> bool:
        return bool(self._postings)

    def masked(self, mask: Mask) -> "Pool":
        """The same rows, of which only those count that are live here and set in `mask`."""
        view = self._view()
        view.live = mask if self.live is None else self.live & mask
        return view

    def judged(self, scores: Mapping[str, float]) -> "Pool":
        """The same rows with the backend's own scores by id; 0 for what it did not find."""
        view = self._view()
        view.found = np.fromiter((scores.get(r.id, 0.0) for r in self.records), np.float64, len(self.records))
        return view

    def _view(self) -> "Pool":
        view = object.__new__(Pool)
        view.records, view.matrix, view.created_at = self.records, self.matrix, self.created_at
        view._expires_at, view._masks, view._postings = self._expires_at, self._masks, self._postings
        view.live, view.found = self.live, self.found
        return view

    def narrowed(self, now: datetime, since: datetime | None, test: Filter | None) -> "Pool":
        """Without what has expired at `now`, was made before `since`, or fails the filter."""
        view = self
        if self._expires_at is not None:
            alive = self._expires_at > now.timestamp()
            view = view if alive.all() else view.masked(alive)
        if since is not None:
            view = view.masked(self.created_at >= since.timestamp())
        if test is not None:
            view = view.masked(self._passing(test))
        return view

    def _passing(self, test: Filter) -> Mask:
        key = repr(test)
        known = self._masks.get(key)
        if known is None:
            known = np.fromiter((matches(test, record) for record in self.records), np.bool_, len(self.records))
            if len(self._masks) >= _KEPT_MASKS:
                self._masks.pop(next(iter(self._masks)))
            self._masks[key] = known
        return known

    def footprint(self) -> int:
        """Bytes it holds in memory, about, once its postings are built."""
        contents = sum(record.size() + _POSTINGS * len(record.text) for record in self.records)
        return contents + self.matrix.nbytes + _OVERHEAD * len(self.records)


def _age(record: Record) -> tuple[Any, str]:
    return record.created_at, record.id


def _matrix(records: Sequence[Record], dimension: int) -> NDArray[np.float32]:
    wanted = 4 * dimension
    blank = bytes(wanted)
    joined = b"".join(
        record.vector if record.vector is not None and len(record.vector) == wanted else blank for record in records
    )
    return np.frombuffer(joined, dtype="<f4").reshape(len(records), dimension)
