"""Puts, deletes and sweeps. Each record is compared and set by one conditional replacement on its `_id`."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from pymongo import ReplaceOne, errors

from gateway.domain.errors import Unavailable
from gateway.domain.scope import Reach
from gateway.providers.mongodb.connecting import Collection
from gateway.providers.mongodb.faults import DUPLICATE
from gateway.providers.mongodb.layout import due, key_of
from gateway.providers.mongodb.selecting import within

_AT_ONCE: Final = 250  # documents in one command
_ATTEMPTS: Final = 10  # at an `_id` that others take and leave meanwhile


class _Put(msgspec.Struct, frozen=True):
    place: int  # in the batch
    document: dict[str, Any]


async def put(collection: Collection, documents: Sequence[dict[str, Any]], now: int) -> list[bool]:
    """True where stored. The server may do a command's statements in any order: so none has the same `_id` twice."""
    answers = [False] * len(documents)
    rounds: list[list[_Put]] = []
    seen: dict[str, int] = {}
    for place, document in enumerate(documents):
        turn = seen.get(document["_id"], 0)
        seen[document["_id"]] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(_Put(place, document))
    for puts in rounds:
        for start in range(0, len(puts), _AT_ONCE):
            for each in await _stored(collection, puts[start : start + _AT_ONCE], now):
                answers[each.place] = True
    return answers


async def replace(collection: Collection, documents: Sequence[dict[str, Any]], now: int) -> list[bool]:
    """In the place of what lives and is older, and nowhere else. One after another, as each must say what it met."""
    answers: list[bool] = []
    for document in documents:
        query = {
            "_id": document["_id"],
            "scope": document["scope"],
            "version": {"$lt": document["version"]},
            "expires": {"$gt": now},
        }
        answers.append((await collection.replace_one(query, document)).matched_count > 0)
    return answers


async def delete(collection: Collection, reach: Reach, ids: Sequence[str], now: int) -> int:
    """The number of those that lived; what had expired goes with them."""
    keys = [key_of(reach.tenant, id_) for id_ in dict.fromkeys(ids)]
    deleted = 0
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        query = {"_id": {"$in": some}, **within(reach)}
        done = await collection.delete_many({**query, "expires": {"$gt": now}})
        if done.deleted_count < len(some):
            await collection.delete_many({**query, "expires": {"$lte": now}})
        deleted += done.deleted_count
    return deleted


async def sweep(collection: Collection, limit: int, now: int) -> int:
    dead = {"expires_at": {"$lte": due(now)}, "expires": {"$lte": now}}
    swept = 0
    while swept < limit:
        step = min(limit - swept, _AT_ONCE)
        found = await collection.find(dead, {"_id": 1}, sort=[("expires_at", 1)], limit=step).to_list(None)
        if not found:
            break
        done = await collection.delete_many({"_id": {"$in": [each["_id"] for each in found]}, "expires": {"$lte": now}})
        swept += done.deleted_count
        if len(found) < step:
            break
    return swept


async def _stored(collection: Collection, puts: Sequence[_Put], now: int) -> list[_Put]:
    stored: list[_Put] = []
    left = list(puts)
    for _ in range(_ATTEMPTS):
        refused = await _replaced(collection, left, now)
        stored += [each for n, each in enumerate(left) if n not in refused]
        if not refused:
            return stored
        left = await _free(collection, [left[n] for n in sorted(refused)], now)
        if not left:
            return stored
    raise Unavailable("a record is written by too many at once", code="mongodb_contended")


async def _replaced(collection: Collection, puts: Sequence[_Put], now: int) -> frozenset[int]:
    """Put in place of what is older or expired, or where nothing is. The rest collided with what is there."""
    try:
        await collection.bulk_write([_replacement(each.document, now) for each in puts], ordered=False)
    except errors.BulkWriteError as error:
        wrong: list[dict[str, Any]] = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(each["code"] != DUPLICATE for each in wrong):
            raise
        return frozenset(each["index"] for each in wrong)
    return frozenset()


def _replacement(document: dict[str, Any], now: int) -> ReplaceOne[dict[str, Any]]:
    older = {"scope": document["scope"], "version": {"$lt": document["version"]}}
    query = {"_id": document["_id"], "$or": [older, {"expires": {"$lte": now}}]}
    return ReplaceOne(query, document, upsert=True)


async def _free(collection: Collection, puts: Sequence[_Put], now: int) -> list[_Put]:
    """Those that nothing stands in the way of any more: it was older, and written or removed between two steps."""
    ids = [each.document["_id"] for each in puts]
    shown = {"scope": 1, "version": 1, "expires": 1}
    found = await collection.find({"_id": {"$in": ids}}, shown).to_list(None)
    there = {each["_id"]: each for each in found}
    return [each for each in puts if not _blocks(there.get(each.document["_id"]), each.document, now)]


def _blocks(there: dict[str, Any] | None, document: dict[str, Any], now: int) -> bool:
    if there is None or there["expires"] <= now:
        return False
    return bool(there["scope"] != document["scope"] or there["version"] >= document["version"])
