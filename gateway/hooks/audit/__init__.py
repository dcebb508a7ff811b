"""Writes down who did what: one line for each intent before its effect, one for what came of it, one for each read.

Lines prove each other, so that none can be changed, left out or moved unseen; values are hashed under a key, so that an
auditor finds what they know and reads nothing. What cannot be written down is not done. `memory-gateway audit verify`
says whether a file is whole.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, field

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.domain.hooking import MUTATIONS, READS, HookContext, Moment, Outcome, after, before, proceed
from gateway.domain.ids import uuid7
from gateway.domain.ports import Kit
from gateway.domain.units import Secret, Size
from gateway.hooks.audit.chain import Keys
from gateway.hooks.audit.entries import USUAL, Field, entry
from gateway.hooks.audit.sink import Sink

__all__ = ["Audit"]

_LONGEST_BATCH: Final = 500
_SHORTEST_KEY: Final = 16
_DONE: Final = proceed()
_UNRECORDED: Final = Outcome(answer="unrecorded")

_log = logging.getLogger("gateway.audit")


class AuditOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sink: Annotated[
        str | Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)],
        Meta(description="A file, or two: one that could be written is enough. Further workers write beside it."),
    ]
    key: Annotated[Secret, Meta(description="Hashes values and seals lines; 16 characters or more.")] | None = None
    values: Annotated[
        Literal["hashed", "plain"], Meta(description="Of users, sessions, addresses, queries, contents.")
    ] = "hashed"
    fields: Annotated[
        Annotated[tuple[Field, ...], Meta(min_length=1)], Meta(description="What a line says, in this order.")
    ] = USUAL
    fail_closed: Annotated[bool, Meta(description="Whether nothing is changed that cannot be written down.")] = True
    reads: Annotated[
        Literal["fail_open", "fail_closed"],
        Meta(description="Whether a read is answered that cannot be written down."),
    ] = "fail_open"
    fsync: Annotated[
        Literal["always", "never"], Meta(description="never: the last lines may be lost with the machine's power.")
    ] = "always"
    rotate: Annotated[Size, Meta(description="A file of this size is set aside; the chain goes on in a new one.")] = (
        field(default_factory=lambda: Size("64MiB"))
    )

    def __post_init__(self) -> None:
        if self.key is None and self.values == "hashed":
            raise ValueError("values are hashed under a `key`; give one, or say values: plain")
        if self.key is not None and len(self.key.reveal()) < _SHORTEST_KEY:
            raise ValueError(f"a key has at least {_SHORTEST_KEY} characters")

    def paths(self) -> tuple[str, ...]:
        return (self.sink,) if isinstance(self.sink, str) else self.sink


class Audit:
    """Lines that wait while others are written go into the next write together."""

    type_name: ClassVar[str] = "audit"
    Options: ClassVar[type[AuditOptions]] = AuditOptions
    moments: ClassVar[frozenset[Moment]] = frozenset(Moment)
    usual: ClassVar[frozenset[Moment]] = before(*MUTATIONS) | after(*MUTATIONS, *READS) | {Moment.ERROR, Moment.RELOAD}

    def __init__(self, options: AuditOptions, kit: Kit) -> None:
        self._options = options
        self._keys = Keys.of(options.key.reveal()) if options.key is not None else None
        self._paths = [Path(kit.home, path) for path in options.paths()]
        self._clock = kit.clock
        self._sinks: list[Sink] = []
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Misconfigured where no sink can be opened."""
        wrong: list[str] = []
        for path in self._paths:
            own = hashlib.sha256(f"{path} {os.getpid()}".encode()).digest()[:8]  # no other process begins at this time
            fresh = uuid7(self._clock(), own).replace("-", "")
            sink = Sink(path, self._keys, self._options.rotate.bytes, fresh)
            try:
                torn = await asyncio.to_thread(_opened, sink)
            except (OSError, msgspec.DecodeError) as error:
                wrong.append(f"{path}: {getattr(error, 'strerror', None) or 'its last line cannot be read'}")
                continue
            if torn:
                _log.warning("an unfinished line was cut off", extra={"file": str(sink.path), "bytes": torn})
            stack.callback(sink.close)
            self._sinks.append(sink)
        if not self._sinks:
            raise Misconfigured(f"no sink of the audit can be written: {'; '.join(wrong)}", code="audit_sink")
        for each in wrong:
            _log.error("a sink of the audit cannot be written", extra={"why": each})
        stack.push_async_callback(self._finish)

    async def run(self, context: HookContext) -> Outcome:
        changes = context.event in MUTATIONS
        try:
            await self._write(entry(context, self._options.fields, self._hide))
        except OSError as error:
            _log.error("the audit cannot be written", extra={"why": error.strerror or str(error)})
            closed = self._options.fail_closed if changes else self._options.reads == "fail_closed"
            if not closed or (changes and not context.moment.before):
                return _UNRECORDED
            raise Unavailable(
                "this cannot be written down, so it is not done", code="audit_unavailable", headers={"Retry-After": "1"}
            ) from None
        return _DONE

    def _hide(self, value: str) -> str:
        return value if self._keys is None or self._options.values == "plain" else self._keys.value(value)

    async def _write(self, made: dict[str, Any]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((made, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._drain(), name="audit")
        await done

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_LONGEST_BATCH], self._waiting[_LONGEST_BATCH:]
            entries = [each for each, _ in batch]
            wrong: OSError | None = None
            try:
                await asyncio.to_thread(self._put, entries)
            except OSError as error:
                wrong = error
            for _, done in batch:
                if done.done():
                    continue  # whoever waited has gone
                if wrong is None:
                    done.set_result(None)
                else:
                    done.set_exception(wrong)

    def _put(self, entries: list[dict[str, Any]]) -> None:
        """To every sink; OSError where none could be written."""
        failed: list[OSError] = []
        for sink in self._sinks:
            try:
                sink.write(entries, sync=self._options.fsync == "always")
            except OSError as error:
                failed.append(error)
        if len(failed) == len(self._sinks):
            raise failed[0]
        for error in failed:
            _log.error("one sink of the audit cannot be written", extra={"why": error.strerror or str(error)})

    async def _finish(self) -> None:
        if self._writing is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing


def _opened(sink: Sink) -> int:
    sink.wanted.parent.mkdir(parents=True, exist_ok=True)
    try:
        return sink.open()
    except BaseException:
        sink.close()
        raise
