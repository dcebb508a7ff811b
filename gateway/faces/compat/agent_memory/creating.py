"""Long-term memories are made: a record whose id is known replaces what was kept, and one that is known word for word is
not kept twice, where the client wants that. No model merges what only means the same.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.domain.errors import Conflict, Invalid, NotFound, TooLarge
from gateway.faces.compat.agent_memory.records import ID, Record, kept, new_metadata, shown
from gateway.faces.compat.agent_memory.serving import ok
from gateway.faces.compat.agent_memory.whose import Whose, facts_of, noted, of
from gateway.faces.compat.asking import body_of, request_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.adding import ADD, Add
from gateway.services.memories.changing import UPDATE, Change
from gateway.services.memories.reading import LIST, Listing
from gateway.services.views import Memory

MOST: Final = 1000
_PART: Final = 50  # records that are looked for at a time
_TRIES: Final = 5


class Created(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    memories: list[Record]
    deduplicate: bool = True


async def created(exchange: Exchange) -> Reply:
    exchange.principal.require(ADD.role)  # before anything is looked for
    asked = body_of(exchange.body, Created)
    await create(exchange, asked.memories, deduplicate=asked.deduplicate)
    return ok()


async def create(exchange: Exchange, records: Sequence[Record], *, deduplicate: bool) -> None:
    """One after the other; where one is refused, those before it are kept. Sending them again is no error."""
    if len(records) > MOST:
        raise TooLarge(f"{len(records)} memories; {MOST} is the most", code="batch_too_large", at="memories")
    by_owner: dict[Whose, list[Record]] = {}
    for record in records:
        if not record.id or not record.text.strip():
            raise Invalid("every memory has an id and a text", code="empty_content", at="memories")
        by_owner.setdefault(of(record.user_id, record.namespace, record.session_id), []).append(record)
    for whose, several in by_owner.items():
        for start in range(0, len(several), _PART):
            await _create(exchange, whose, several[start : start + _PART], deduplicate=deduplicate)


async def _create(exchange: Exchange, whose: Whose, records: Sequence[Record], *, deduplicate: bool) -> None:
    known: dict[str, Memory] = {}
    said: set[tuple[str, str]] = set()
    for memory in await _known(exchange, whose, records, texts=deduplicate):
        known.setdefault(memory.metadata.get(ID) or memory.id, memory)
        if of(memory.user_id, memory.agent_id, memory.run_id) == whose:
            said.add(_said(memory))
    for record in records:
        if record.id in known:
            await _change(exchange, known[record.id], record)
        elif not deduplicate or (record.text, record.memory_type) not in said:
            await _add(exchange, whose, record)
            said.add((record.text, record.memory_type))


async def _known(exchange: Exchange, whose: Whose, records: Sequence[Record], *, texts: bool) -> list[Memory]:
    """What those owners have under these ids or in these words, the newest first."""
    facts = facts_of(exchange, LIST, whose)
    tests: list[dict[str, Any]] = [{f"metadata.{ID}": {"in": [record.id for record in records]}}]
    if texts:
        tests.append({"text": {"in": [record.text for record in records]}})
    filters = {"AND": [{"OR": tests}, *noted(exchange, facts)]}
    found: list[Memory] = []
    cursor: str | None = None
    while True:
        page = await exchange.perform(LIST, facts, request_of(Listing, {"filters": filters, "cursor": cursor}))
        found += page.memories
        cursor = page.cursor
        if cursor is None:
            return found


async def _add(exchange: Exchange, whose: Whose, record: Record) -> None:
    """Two that make the same record at the same time make one."""
    values = kept(record)
    values = {**values, "metadata": new_metadata(values["metadata"]), "created_at": record.created_at}
    for taken in range(_TRIES):
        facts = msgspec.structs.replace(facts_of(exchange, ADD, whose), idempotency_key=_key(whose, record, taken))
        try:
            await exchange.perform(ADD, facts, request_of(Add, values))
            return
        except Invalid as error:
            if error.code != "idempotency_mismatch":
                raise
        for memory in await _known(exchange, whose, [record], texts=False):  # another one came first
            try:
                await _change(exchange, memory, record)
                return
            except NotFound:
                break  # it went since it was found
    raise Conflict("this memory keeps coming and going", code="contended")


async def _change(exchange: Exchange, memory: Memory, record: Record) -> None:
    facts = facts_of(exchange, UPDATE, of(memory.user_id, memory.agent_id, memory.run_id))
    await exchange.perform(UPDATE, facts, request_of(Change, {**kept(record), "memory_id": memory.id}))


def _key(whose: Whose, record: Record, taken: int) -> str:
    named = msgspec.msgpack.encode([whose.user, whose.agent, whose.run, record.id, taken])
    return f"agent-memory:{hashlib.sha256(named).hexdigest()}"


def _said(memory: Memory) -> tuple[str, str]:
    record = shown(memory)
    return record["text"], record["memory_type"]
