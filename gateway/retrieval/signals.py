"""What can be said of a record for one query: each signal is one number for each row of a pool.

Plain arithmetic, without weights and without order. Rows that are not live get numbers nobody reads, and have no part
in what the others get.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Floats, Mask, Pool

K1: Final = 0.9
B: Final = 0.4
MAX_TERMS: Final = 128  # of one query; the rest of a pasted document changes little and costs much
_FLAT: Final = 1e-9


def cosine(pool: Pool, vector: bytes) -> Floats:
    """How alike in meaning, from 0 to 1: the cosine, what points away counting as unlike. Zero without a vector.

    Each row is summed by itself, so that equal vectors get equal numbers wherever they stand.
    """
    query: Floats = np.frombuffer(vector, dtype="<f4")
    if pool.matrix.shape[1] != len(query) or not len(pool):
        return np.zeros(len(pool))
    found: Floats = np.einsum("ij,j->i", pool.matrix, query)
    return np.round(np.clip(found.astype(np.float64), 0.0, 1.0), 6)


def meaning(pool: Pool, ask: Ask) -> Floats | None:
    """How alike in meaning: as the backend's own search found, else by the query's vector; None with neither."""
    if pool.found is not None:
        return np.round(np.clip(pool.found, 0.0, 1.0), 6)
    return None if ask.vector is None else cosine(pool, ask.vector)


class Lexical(NamedTuple):
    """`bm25` ranks within one pool. `share` is absolute: how much of the query's weight the record holds, 0 to 1."""

    bm25: Floats
    share: Floats


def lexical(pool: Pool, terms: Sequence[str]) -> Lexical:
    """BM25 and the idf-weighted share of the query's terms, with idf and mean length taken over the live rows."""
    size, live, postings = len(pool), pool.live, pool.postings
    bm25, share = np.zeros(size), np.zeros(size)
    count = pool.count
    if not count:
        return Lexical(bm25, share)
    lengths = postings.lengths
    mean = float((lengths if live is None else lengths[live]).mean()) or 1.0
    damping = K1 * (1 - B) + (K1 * B / mean) * lengths
    whole = 0.0
    for term in list(dict.fromkeys(terms))[:MAX_TERMS]:
        rows, counts = postings.of(term)
        holding = len(rows) if live is None else int(np.count_nonzero(live[rows]))
        idf = float(np.log1p((count - holding + 0.5) / (holding + 0.5)))
        whole += idf
        if holding:
            bm25[rows] += idf * counts / (counts + damping[rows])
            share[rows] += idf
    return Lexical(bm25, np.round(share / whole, 6) if whole else share)


def recency(pool: Pool, now: datetime, half_life: float) -> Floats:
    """1 for what is made now, half of it for every `half_life` seconds of age; the future counts as now."""
    since: Floats = np.minimum(pool.created_at - now.timestamp(), 0.0)
    return np.exp2(since / half_life)


def standardise(values: Floats, live: Mask | None) -> Floats:
    """How many standard deviations above the mean of the live rows; zeros where all are the same."""
    counted = values if live is None else values[live]
    if not len(counted):
        return np.zeros(len(values))
    mean = float(counted.mean())
    apart: Floats = counted - mean
    spread = math.sqrt(float(apart.dot(apart)) / len(apart))
    if spread < _FLAT:
        return np.zeros(len(values))
    return (values - mean) / spread


def logistic(values: Floats) -> Floats:
    """Any number to (0, 1), keeping the order as far as floats can tell it."""
    return 0.5 + 0.5 * np.tanh(values / 2)
