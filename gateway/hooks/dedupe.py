"""Keeps a thing once: what a scope holds already, word for word, is not added to it again; the reply names the first.

The hash of the content is kept in the metadata and looked up before each write. Two equal writes at the same moment may
both be kept. Knows nothing of what the content says.
"""

import hashlib
import hmac
from contextlib import AsyncExitStack
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from gateway.domain.filters import Compare
from gateway.domain.hooking import Event, HookContext, Moment, Outcome, before, modify, proceed, skip
from gateway.domain.ports import Kit, Where
from gateway.domain.units import Secret

__all__ = ["Dedupe"]

_SOME = 10  # of equal hash, in scopes beside the one that is written to


class DedupeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Annotated[Secret, Meta(description="Makes hashes that nobody can guess contents by.")] | None = None
    field: Annotated[str, Meta(min_length=1, description="Key of the metadata that holds the hash.")] = "content_hash"


class Dedupe:
    type_name: ClassVar[str] = "dedupe"
    Options: ClassVar[type[DedupeOptions]] = DedupeOptions
    moments: ClassVar[frozenset[Moment]] = before(Event.ADD, Event.UPDATE, Event.APPEND)
    usual: ClassVar[frozenset[Moment]] = before(Event.ADD, Event.UPDATE)

    def __init__(self, options: DedupeOptions, kit: Kit) -> None:
        self._field = options.field
        self._key = options.key.reveal().encode() if options.key is not None else b""

    async def open(self, stack: AsyncExitStack) -> None:
        return

    async def run(self, context: HookContext) -> Outcome:
        record = context.record
        if record is None or context.lookup is None or context.content in (None, ""):
            return proceed()
        told = record.body if record.body is not None else record.text.encode()
        digest = hmac.digest(self._key, told, "sha256").hex() if self._key else hashlib.sha256(told).hexdigest()
        if context.event is not Event.UPDATE:
            where = Where(frozenset({record.kind}), Compare("eq", digest, path=(self._field,)))
            for found in await context.lookup.find(where, _SOME):
                # The same id is a repeated request, which finds its own first one.
                if found.scope == record.scope and found.id != record.id:
                    return skip("is there already", existing=found)
        return modify(metadata={**context.metadata, self._field: digest})
