"""insert, update and delete: one document after the other, each whole, with the answers that drivers read."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, cast

from bson.objectid import ObjectId

from .matching import compiled
from .store import Collection, Store
from .values import key
from .wire import Refused

_COMMON: Final = {
    "ordered", "writeConcern", "lsid", "$db", "$clusterTime", "$readPreference", "maxTimeMS", "bypassDocumentValidation"
}  # fmt: skip


def insert(store: Store, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
    known(command, "insert", "documents", *_COMMON)

    def one(document: dict[str, Any]) -> tuple[int, int, Any]:
        _add(store, namespace, {"_id": document.get("_id", ObjectId())} | document)
        return 1, 0, None

    return _each(command, "documents", one)


def update(store: Store, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
    known(command, "update", "updates", *_COMMON)
    return _each(command, "updates", partial(_update, store, namespace))


def delete(store: Store, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
    known(command, "delete", "deletes", *_COMMON)

    def one(statement: dict[str, Any]) -> tuple[int, int, Any]:
        known(statement, "q", "limit")
        held = store.collection(namespace)
        many = [each["_id"] for each in hits(held, statement["q"])]
        for id_ in many[:1] if statement["limit"] else many:
            store.cut(namespace, id_)
        return min(len(many), statement["limit"] or len(many)), 0, None

    return _each(command, "deletes", one)


def hits(held: Collection | None, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents that match; by their ids where the query names ids, as the index on `_id` would find them."""
    matches = compiled(query)
    if held is None:
        return
    wanted: Any = query.get("_id")
    ids: list[Any] | None = None
    if isinstance(wanted, str | bytes | int | ObjectId):
        ids = [wanted]
    elif isinstance(wanted, dict):
        ids = cast("dict[str, Any]", wanted).get("$in")
    for document in list(held.documents.values()) if ids is None else _by_id(held, ids):
        if matches(document):
            yield document


def known(given: Mapping[str, Any], *names: str) -> None:
    unknown = given.keys() - set(names)
    if unknown:
        raise Refused(40415, f"BSON field {min(unknown)!r} is an unknown field.")


def _by_id(held: Collection, ids: list[Any]) -> Iterator[dict[str, Any]]:
    for each in dict.fromkeys(map(key, ids)):
        if each in held.documents:
            yield held.documents[each]


def _each(command: dict[str, Any], name: str, do: Any) -> dict[str, Any]:
    """One statement after the other; after an error no more where they are ordered. The driver adds the rest up."""
    if not command[name] or len(command[name]) > 100_000:
        raise Refused(2, "Write batch sizes must be between 1 and 100000")
    n = modified = 0
    upserted: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for index, statement in enumerate(command[name]):
        try:
            found, changed, new = do(statement)
        except Refused as error:
            errors.append({"index": index, "code": error.code, "errmsg": error.words, **error.more})
            if command.get("ordered", True):
                break
            continue
        n, modified = n + found, modified + changed
        if new is not None:
            upserted.append({"index": index, "_id": new})
    reply: dict[str, Any] = {"n": n, "ok": 1.0}
    if name == "updates":
        reply["nModified"] = modified
    if upserted:
        reply["upserted"] = upserted
    if errors:
        reply["writeErrors"] = errors
    return reply


def _update(store: Store, namespace: str, statement: dict[str, Any]) -> tuple[int, int, Any]:
    known(statement, "q", "u", "upsert", "multi")
    if not isinstance(statement["u"], dict):
        raise Refused(9, "pipelines in updates are not offered here")
    change = cast("dict[str, Any]", statement["u"])
    operators = [name for name in change if name.startswith("$")]
    if operators not in ([], ["$set"]):
        raise Refused(9, f"update operators are not offered here: {operators}")
    if statement.get("multi") and not operators:
        raise Refused(9, "multi update is not supported for replacement-style update")
    there = list(hits(store.collection(namespace), statement["q"]))
    if not there:
        if not statement.get("upsert"):
            return 0, 0, None
        named = statement["q"].get("_id")
        id_ = change.get("_id", ObjectId() if named is None or isinstance(named, dict) else named)
        if operators:
            raise Refused(9, "an upsert with operators is not offered here")
        _add(store, namespace, {"_id": id_} | change)
        return 1, 0, id_
    changed = 0
    for old in there if statement.get("multi") else there[:1]:
        new = old | change["$set"] if operators else {"_id": old["_id"]} | change
        if key(new["_id"]) != key(old["_id"]):
            raise Refused(66, "the (immutable) field '_id' was found to have been altered")
        if new != old:
            _check(new)
            store.put(namespace, new)
            changed += 1
    return (len(there) if statement.get("multi") else 1), changed, None


def _add(store: Store, namespace: str, document: dict[str, Any]) -> None:
    held = store.made(namespace)
    if key(document["_id"]) in held.documents:
        raise Refused(
            11000,
            f"E11000 duplicate key error collection: {namespace} index: _id_",
            keyPattern={"_id": 1},
            keyValue={"_id": document["_id"]},
        )
    _check(document)
    store.put(namespace, document)


def _check(value: Any, depth: int = 0) -> None:
    """Names as MongoDB 4.4 still demanded them: no later version refuses what passes here."""
    if depth > 100:
        raise Refused(2, "exceeded max nesting depth")
    if isinstance(value, dict):
        for name, each in cast("dict[str, Any]", value).items():
            if name.startswith("$"):
                raise Refused(52, f"The dollar ($) prefixed field {name!r} is not valid for storage.")
            if "." in name:
                raise Refused(57, f"The dotted field {name!r} is not valid for storage.")
            _check(each, depth + 1)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            _check(each, depth + 1)
