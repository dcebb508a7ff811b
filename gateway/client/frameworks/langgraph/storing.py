"""The steps of LangGraph's store: what a batch of operations asks of a gateway, in which order. Knows no client.

Reads of a batch see what was there before it. Of two puts of one key in a batch the later one holds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    validate_op_namespace,
)

from gateway.client import GatewayError, Invalid, NotFound, replies
from gateway.client.asks import memories
from gateway.client.frameworks.langgraph import items
from gateway.client.frameworks.langgraph.items import OURS, Namespace
from gateway.client.frameworks.langgraph.steps import Steps, each, one
from gateway.client.operation import Ask

_PAGE: Final = 100
_TRIES: Final = 5

Found = replies.Memory | replies.Found


class Storing(msgspec.Struct, frozen=True):
    """`fields` are the paths that items are found by, where an item names none; None is every text in it.

    `owner` is part of the keys by which two that make an item at the same time make one.
    """

    owner: tuple[tuple[str, str], ...]
    fields: Sequence[str] | None
    now: Callable[[], datetime]

    def batch(self, ops: Iterable[Op]) -> Steps[list[Result]]:
        ordered = list(ops)
        for op in ordered:
            validate_op_namespace(op)
        results: list[Result] = [None] * len(ordered)
        gets = {at: op for at, op in enumerate(ordered) if isinstance(op, GetOp)}
        for at, item in (yield from self._get(gets)).items():
            results[at] = item
        puts: dict[str, PutOp] = {}
        for at, op in enumerate(ordered):
            if isinstance(op, SearchOp):
                results[at] = yield from self._search(op)
            elif isinstance(op, ListNamespacesOp):
                results[at] = yield from _namespaces(op)
            elif isinstance(op, PutOp):
                puts[items.identity(op.namespace, op.key)] = op
        yield from self._put(puts)
        return results

    def _get(self, gets: Mapping[int, GetOp]) -> Steps[dict[int, Item]]:
        ids = {at: items.identity(op.namespace, op.key) for at, op in gets.items()}
        known = yield from _find(list(ids.values()))
        found = {at: known[id_][0] for at, id_ in ids.items() if id_ in known}
        yield from self._refresh([memory for at, memory in found.items() if gets[at].refresh_ttl])
        return {at: items.item(memory) for at, memory in found.items()}

    def _search(self, op: SearchOp) -> Steps[list[SearchItem]]:
        wanted = op.offset + op.limit
        where = items.filters(op.namespace_prefix, op.filter, indexed=bool(op.query))
        found: list[Found] = []
        if op.query:
            # A filter may turn some down that the gateway let pass: then as many are asked for as it gives at all.
            size = _PAGE if op.filter else wanted
            results = yield from one(memories.search(op.query, top_k=max(1, size), filters=where))
            found += [each_ for each_ in results if _passes(each_, op)]
        else:
            cursor: str | None = None
            while len(found) < wanted:
                page = yield from one(memories.list_(filters=where, limit=_PAGE, cursor=cursor))
                found += [each_ for each_ in page if _passes(each_, op)]
                cursor = page.cursor
                if cursor is None:
                    break
        chosen = found[op.offset : wanted]
        if op.refresh_ttl:
            yield from self._refresh(chosen)
        return [items.search_item(memory) for memory in chosen]

    def _refresh(self, found: Sequence[Found]) -> Steps[None]:
        """What has a time to live and was read begins it anew; what went meanwhile is gone."""
        for memory in found:
            ttl = items.told_of(memory).ttl
            if ttl is not None:
                try:
                    yield from one(memories.update(memory.id, expires_at=items.expiry(self.now(), ttl)))
                except NotFound:
                    continue

    def _put(self, puts: Mapping[str, PutOp]) -> Steps[None]:
        known = yield from _find(list(puts))
        gone = [found.id for id_, op in puts.items() if op.value is None for found in known.get(id_, [])]
        yield from each([memories.delete(id_) for id_ in gone])
        for id_, op in puts.items():
            if op.value is not None:
                yield from self._keep(id_, op, known.get(id_, []))

    def _keep(self, id_: str, op: PutOp, known: Sequence[replies.Memory]) -> Steps[None]:
        """A new memory, or a new version of the one that is there. Two that make it at the same time make one."""
        taken = 0
        for _ in range(_TRIES):
            try:
                if known:
                    yield from one(self._changed(known[0].id, op))
                else:
                    yield from one(self._added(self._key(id_, taken), op))
                return
            except NotFound:
                known = []  # it went since it was found
            except Invalid as error:
                if error.code != "idempotency_mismatch":
                    raise
                known = (yield from _find([id_])).get(id_, [])  # another one came first
                taken += not known  # or an owner who shares this client's credential, and whom it does not name
        raise GatewayError("this item keeps coming and going", code="contended")

    def _key(self, id_: str, taken: int) -> str:
        if taken > _TRIES // 2:
            return str(uuid4())
        named = [text for pair in self.owner for text in pair]
        return f"{OURS}:{items.identity((*named, id_), str(taken))}"

    def _added(self, key: str, op: PutOp) -> Ask[Any]:
        return memories.add(
            items.content(op, self.fields),
            metadata=items.told(op),
            ttl_seconds=None if op.ttl is None else 60 * op.ttl,
            idempotency_key=key,
        )

    def _changed(self, memory_id: str, op: PutOp) -> Ask[Any]:
        return memories.update(
            memory_id,
            content=items.content(op, self.fields),
            metadata=items.told(op),
            expires_at=None if op.ttl is None else items.expiry(self.now(), op.ttl),
        )


def _find(ids: Sequence[str]) -> Steps[dict[str, list[replies.Memory]]]:
    """The memories that hold these items, the newest of each first."""
    found: dict[str, list[replies.Memory]] = {}
    for start in range(0, len(ids), _PAGE):
        test = {f"{OURS}.id": {"in": list(ids[start : start + _PAGE])}}
        for memory in (yield from _every(test)):
            found.setdefault(items.told_of(memory).id, []).append(memory)
    return found


def _every(where: Mapping[str, Any]) -> Steps[list[replies.Memory]]:
    found: list[replies.Memory] = []
    cursor: str | None = None
    while True:
        page = yield from one(memories.list_(filters=where, limit=_PAGE, cursor=cursor))
        found += page.memories
        cursor = page.cursor
        if cursor is None:
            return found


def _namespaces(op: ListNamespacesOp) -> Steps[list[Namespace]]:
    """Goes through the items below what is asked for: a gateway keeps no list of namespaces."""
    conditions = op.match_conditions or ()
    prefix = next((each_.path for each_ in conditions if each_.match_type == "prefix"), ())
    every = yield from _every(items.filters(tuple(prefix), None, indexed=False))
    known = {items.told_of(memory).namespace for memory in every}
    matching = {namespace for namespace in known if all(_matches(each_, namespace) for each_ in conditions)}
    if op.max_depth is not None:
        matching = {namespace[: op.max_depth] for namespace in matching}
    return sorted(matching)[op.offset : op.offset + op.limit]


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    length = len(condition.path)
    if length > len(namespace):
        return False
    part = namespace[:length] if condition.match_type == "prefix" else namespace[len(namespace) - length :]
    return all(wanted in ("*", label) for label, wanted in zip(part, condition.path, strict=True))


def _passes(memory: Found, op: SearchOp) -> bool:
    return not op.filter or items.passes(items.value_of(memory), op.filter)
