"""Which rows of a pool hold which terms, and how often. Built once per pool, then only read.

Knows no records: rows are numbers. Safe to build in a thread.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.retrieval.words import Stems

Rows: TypeAlias = NDArray[np.intp]
Floats: TypeAlias = NDArray[np.floating[Any]]

_NOWHERE: Final = slice(0, 0)


class Postings:
    """`lengths` counts the terms of each row, stop words apart."""

    __slots__ = ("_counts", "_places", "_rows", "lengths")

    def __init__(self, texts: Sequence[str]) -> None:
        stems = Stems()
        found: dict[str, list[int]] = {}
        times: dict[str, list[int]] = {}
        lengths: list[int] = []
        for row, text in enumerate(texts):
            terms = stems.terms(text)
            lengths.append(len(terms))
            for term, count in Counter(terms).items():
                if term in found:
                    found[term].append(row)
                    times[term].append(count)
                else:
                    found[term] = [row]
                    times[term] = [count]
        self.lengths: Floats = np.array(lengths, dtype=np.float64)
        self._places: dict[str, slice] = {}
        start = 0
        for term, rows in found.items():
            self._places[term] = slice(start, start + len(rows))
            start += len(rows)
        self._rows: Rows = np.fromiter((row for rows in found.values() for row in rows), np.intp, start)
        self._counts: Floats = np.fromiter((count for counts in times.values() for count in counts), np.float64, start)

    def of(self, term: str) -> tuple[Rows, Floats]:
        """The rows that hold the term, ascending, and how often each does."""
        place = self._places.get(term, _NOWHERE)
        return self._rows[place], self._counts[place]
