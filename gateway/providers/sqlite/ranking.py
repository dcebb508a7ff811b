"""Search over one connection: nearest vectors by numpy, matching words by BM25 over the reach's own postings.

Scores depend on nothing outside the reach: no other tenant's texts are walked or counted. Blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec
import numpy as np

from gateway.domain.filters import matches
from gateway.domain.ports import Hit, Where
from gateway.domain.scope import Reach
from gateway.providers.exact import best_first, scores
from gateway.providers.sqlite.batch import salted
from gateway.providers.sqlite.matrices import Vectors
from gateway.providers.sqlite.reading import Owner, Reading
from gateway.providers.terms import rarity, weight

_AHEAD: Final = 16  # records fetched beyond what is wanted, for those that a filter drops
_POSTINGS: Final = "SELECT doc, count(*) FROM terms WHERE term = ? GROUP BY doc"
_LENGTHS: Final = "SELECT r.seq, r.words FROM records r WHERE r.seq IN (SELECT value FROM json_each(?))"
_AT_ONCE: Final = 20_000


def nearest(
    reading: Reading, known: Vectors, reach: Reach, vector: bytes, where: Where, limit: int, now: int
) -> list[Hit]:
    rows = np.flatnonzero(known.expires > now)
    if where.filter is not None and len(rows) > limit + _AHEAD:
        meant = reading.rows(reach, where.kinds, where.filter, now)
        if meant is not None and meant.clause is not None:
            query = meant.numbers()
            passing = [seq for (seq,) in reading.connection.execute(query.sql, query.values)]
            rows = rows[np.isin(known.seqs[rows], np.array(passing, dtype=np.int64))]
    if not len(rows):
        return []
    whole = len(rows) == len(known.seqs)
    found = scores(known.matrix if whole else known.matrix[rows], vector)
    ranked = ((int(known.seqs[rows[n]]), float(found[n])) for n in best_first(found))
    return _fetched(reading, ranked, reach, where, limit, now)


def matching(reading: Reading, terms: Sequence[str], reach: Reach, where: Where, limit: int, now: int) -> list[Hit]:
    """`terms` as `Terms.wanted` gives them."""
    rows = reading.rows(reach, where.kinds, where.filter, now)
    if rows is None or not terms:
        return []
    exact = reach.exact()
    owner = None if exact is None else reading.owner(exact)
    owners = reading.owners(reach) if exact is None else [owner] if owner is not None else []
    times = [_times(reading, owners, term) for term in terms]
    total = sum(each.records for each in owners)
    average = sum(each.words for each in owners) / (total or 1)
    worth = [rarity(len(each), total) for each in times]
    lengths = _lengths(reading, {seq for each in times for seq in each})
    found: dict[int, float] = {}
    for each, value in zip(times, worth, strict=True):
        for seq, many in each.items():
            if seq in lengths:
                found[seq] = found.get(seq, 0.0) + value * weight(many, lengths[seq], average)
    ranked = sorted(found.items(), key=lambda each: (-each[1], -each[0]))
    return _fetched(reading, iter(ranked), reach, where, limit, now)


def _times(reading: Reading, owners: Iterable[Owner], term: str) -> dict[int, int]:
    """How often each row of these scopes holds the term."""
    found: dict[int, int] = {}
    for owner in owners:
        found.update(reading.connection.execute(_POSTINGS, (salted(owner.salt)(term),)))
    return found


def _lengths(reading: Reading, seqs: set[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    ordered = sorted(seqs)
    for start in range(0, len(ordered), _AT_ONCE):
        wanted = msgspec.json.encode(ordered[start : start + _AT_ONCE]).decode()
        found.update(reading.connection.execute(_LENGTHS, (wanted,)))
    return found


def _fetched(
    reading: Reading, ranked: Iterator[tuple[int, float]], reach: Reach, where: Where, limit: int, now: int
) -> list[Hit]:
    """The best that are there, of the kinds, and pass: fetched in rising steps, so a filter costs no more than it must."""
    hits: list[Hit] = []
    step = limit + (_AHEAD if where.filter is not None else 0)
    while some := list(islice(ranked, step)):
        records = reading.by_seq(reach, [seq for seq, _ in some], now)
        for seq, score in some:
            record = records.get(seq)
            if record is not None and record.kind in where.kinds and matches(where.filter, record):
                hits.append(Hit(record, score))
                if len(hits) == limit:
                    return hits
        step = min(2 * step, 1_000)
    return hits
