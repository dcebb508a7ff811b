"""What is near and what matches, best first. Qdrant ranks; what it cannot test of a filter is tested before the limit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from qdrant_client import models

from gateway.domain.ports import Hit, Where
from gateway.domain.scope import Reach
from gateway.providers.qdrant.collection import Collection
from gateway.providers.qdrant.conditions import Conditions, alive, all_of, of_kinds, reached
from gateway.providers.qdrant.listing import at_once
from gateway.providers.qdrant.pushdown import pushed
from gateway.providers.qdrant.storing import DENSE, WORDS, asked, micros, record_from
from gateway.providers.winnowing import passes

_K: Final = 2  # of rank fusion
_AHEAD: Final = 16  # points fetched beyond what is wanted, for those that a filter drops


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What to rank by, and where."""

    query: Any
    using: str
    params: models.SearchParams | None
    reach: Reach
    where: Where
    limit: int


def near(reach: Reach, vector: bytes, where: Where, limit: int, *, exact: bool) -> Question:
    return Question(
        query=np.frombuffer(vector, dtype="<f4").tolist(), using=DENSE, params=models.SearchParams(exact=exact),
        reach=reach, where=where, limit=limit,
    )  # fmt: skip


def holding(reach: Reach, terms: Sequence[str], where: Where, limit: int, now: datetime) -> Question:
    """How rare a term is, is counted within the reach: nobody's score depends on what others keep."""
    idf = models.IdfCorpusParams(corpus=all_of(*meant(reach, where, now)))
    return Question(
        query=asked(terms), using=WORDS, params=models.SearchParams(idf=idf), reach=reach, where=where, limit=limit
    )


def meant(reach: Reach, where: Where, now: datetime) -> Conditions:
    return [*reached(reach), of_kinds(where.kinds), alive(micros(now))]


async def best(collection: Collection, question: Question, now: datetime) -> list[Hit]:
    reach, where, limit = question.reach, question.where, question.limit
    which = all_of(*meant(reach, where, now), *pushed(where.filter, reach.tenant))
    hits: dict[str, Hit] = {}
    offset, step = 0, at_once(limit + (_AHEAD if where.filter is not None else 0), 0)
    while len(hits) < limit:
        found = await collection.query(question.query, question.using, which, question.params, step, offset)
        for point in found:
            record = record_from(point.payload, None)
            if passes(record, reach, where, now):
                hits.setdefault(record.id, Hit(record, point.score))
        if len(found) < step:
            break
        offset, step = offset + step, at_once(2 * step, 0)
    return sorted(hits.values(), key=lambda hit: -hit.score)[:limit]


async def together(collection: Collection, questions: Sequence[Question], now: datetime) -> list[Hit]:
    """What answers any of the questions, which are about the same reach and have no filter, fused by the server."""
    first = questions[0]
    which = all_of(*meant(first.reach, first.where, now))
    found = await collection.fused(
        [
            models.Prefetch(query=each.query, using=each.using, filter=which, params=each.params, limit=each.limit)
            for each in questions
        ],
        first.limit,
    )
    hits = [Hit(record_from(point.payload, None), point.score) for point in found]
    return [hit for hit in hits if passes(hit.record, first.reach, first.where, now)]


def by_ranks(answers: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """The same by ourselves, with the server's own constant."""
    scores: dict[str, Hit] = {}
    for hits in answers:
        for rank, hit in enumerate(hits):
            known = scores.get(hit.record.id)
            scores[hit.record.id] = Hit(hit.record, (known.score if known else 0.0) + 1.0 / (_K + rank))
    return sorted(scores.values(), key=lambda hit: -hit.score)[:limit]
