"""Tells a server of yours what was done: one signed POST for each event, at least once, whatever is down meanwhile.

What is to be told is on the disk, sealed, before the request is answered, and goes out behind its back; a request never
waits for the other side. Says ids and metadata, and contents only where that is asked for. The address comes from the
file alone. What has not been told of somebody who is erased is not told any more.
"""

import asyncio
import contextlib
import hashlib
import logging
import random
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, field

from gateway.domain.errors import Misconfigured
from gateway.domain.hooking import MUTATIONS, READS, HookContext, Moment, Outcome, after, proceed
from gateway.domain.ids import uuid7
from gateway.domain.ports import Kit
from gateway.domain.units import Duration, Secret
from gateway.hooks.webhook.envelope import Envelope
from gateway.hooks.webhook.outbox import Letter, Outbox
from gateway.hooks.webhook.signing import signature

if TYPE_CHECKING:
    import httpx

__all__ = ["Webhook"]

_SHORTEST_SECRET: Final = 16
_AT_ONCE: Final = 20
_LOOK_SECONDS: Final = 1.0  # for what other workers have left behind
_GONE: Final = "410"
_SEALED: Final = "it is sealed under a secret that is not declared any more"
_DONE: Final = proceed()
_UNKEPT: Final = Outcome(answer="unkept")

_log = logging.getLogger("gateway.webhook")


class WebhookOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[Secret, Meta(description="Where each event is posted to; a redirect is not followed.")]
    secret: Annotated[Secret, Meta(description="Signs each delivery; 16 characters or more.")]
    previous_secret: (
        Annotated[Secret, Meta(description="The one before, for what was kept under it. Signs nothing.")] | None
    ) = None
    content: Annotated[bool, Meta(description="Whether what was written, asked or found is told, beside ids.")] = False
    store: Annotated[str, Meta(min_length=1, description="SQLite file of what is still to be told.")] = "webhooks.db"
    send_timeout: Annotated[Duration, Meta(description="For one attempt.")] = field(
        default_factory=lambda: Duration("10s")
    )
    attempts: Annotated[int, Meta(ge=1, description="Then a delivery is dead: kept, and not tried again.")] = 20
    backoff: Annotated[Duration, Meta(description="After the first attempt; twice as long after each further one.")] = (
        field(default_factory=lambda: Duration("1s"))
    )
    longest: Annotated[Duration, Meta(description="The longest pause between two attempts.")] = field(
        default_factory=lambda: Duration("15m")
    )

    def __post_init__(self) -> None:
        parts = urlsplit(self.url.reveal())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("`url` is an http:// or https:// address")
        if len(self.secret.reveal()) < _SHORTEST_SECRET:
            raise ValueError(f"a secret has at least {_SHORTEST_SECRET} characters")
        if min(self.send_timeout.seconds, self.backoff.seconds, self.longest.seconds) <= 0:
            raise ValueError("`send_timeout`, `backoff` and `longest` must be longer than nothing")


class Webhook:
    """Deliveries may come twice and out of order: `X-Webhook-Id` is the same for the same event, and says so."""

    type_name: ClassVar[str] = "webhook"
    Options: ClassVar[type[WebhookOptions]] = WebhookOptions
    moments: ClassVar[frozenset[Moment]] = after(*MUTATIONS, *READS) | {Moment.ERROR, Moment.RELOAD}
    usual: ClassVar[frozenset[Moment]] = after(*MUTATIONS)

    def __init__(self, options: WebhookOptions, kit: Kit) -> None:
        self._options = options
        self._name = kit.name
        self._clock = kit.clock
        self._outbox = Outbox(Path(kit.home, options.store), kit.name)
        secrets = [each.reveal() for each in (options.secret, options.previous_secret) if each is not None]
        self._envelope = Envelope(secrets, random.SystemRandom().randbytes)
        self._client: httpx.AsyncClient | None = None
        self._wake = asyncio.Event()
        self._luck = random.Random(hashlib.sha256(kit.name.encode()).digest())  # noqa: S311 -- spreads attempts, no secret

    @property
    def letters(self) -> Outbox:
        return self._outbox

    async def open(self, stack: AsyncExitStack) -> None:
        """Misconfigured where the store cannot be written. What an earlier process has left goes out at once."""
        import httpx

        try:
            await asyncio.to_thread(self._outbox.open)
        except (OSError, sqlite3.Error) as error:
            raise Misconfigured(f"the store of the webhook cannot be written: {error}", code="webhook_store") from None
        stack.callback(self._outbox.close)
        self._client = httpx.AsyncClient(
            timeout=self._options.send_timeout.seconds, follow_redirects=False, trust_env=False
        )
        stack.push_async_callback(self._client.aclose)
        await stack.enter_async_context(_running(self._deliver()))

    async def run(self, context: HookContext) -> Outcome:
        """Returns when it is on the disk. Where it cannot be kept, the operation has been done all the same."""
        id_ = uuid7(self._clock(), random.SystemRandom().randbytes(8))
        body = msgspec.json.encode({"id": id_, **told(context, content=self._options.content)})
        person = self._envelope.persons(context.tenant, context.user.id)[0] if context.user is not None else ""
        sealed, now = self._envelope.seal(id_, body), self._clock().timestamp()
        try:
            await asyncio.to_thread(self._outbox.keep, id_, person, sealed, now)
        except sqlite3.Error as error:
            _log.error(
                "an event cannot be kept for the webhook", extra={"hook": self._name, "why": type(error).__name__}
            )
            return _UNKEPT
        self._wake.set()
        return _DONE

    async def forget(self, tenant: str, user: str, until: datetime | None) -> int:
        last = None if until is None else until.timestamp()
        return await asyncio.to_thread(self._outbox.forget, self._envelope.persons(tenant, user), last)

    async def _deliver(self) -> None:
        lease = 2 * self._options.send_timeout.seconds
        while True:
            self._wake.clear()
            try:
                now = self._clock().timestamp()
                letters = await asyncio.to_thread(self._outbox.take, now, lease, _AT_ONCE)
                await asyncio.gather(*(self._send(each) for each in letters))
            except sqlite3.Error as error:
                _log.error("the store of the webhook fails", extra={"hook": self._name, "why": type(error).__name__})
                letters = []
            if not letters:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)

    async def _send(self, letter: Letter) -> None:
        body = self._envelope.open(letter.id, letter.body)
        why = _SEALED if body is None else await self._posted(letter, body)
        options = self._options
        if not why:
            await asyncio.to_thread(self._outbox.taken, letter.id)
        elif letter.attempts >= options.attempts or why in (_GONE, _SEALED):
            _log.error("a delivery is dead", extra={"hook": self._name, "delivery": letter.id, "why": why})
            await asyncio.to_thread(self._outbox.later, letter.id, None, why)
        else:
            pause = min(options.longest.seconds, options.backoff.seconds * 2 ** min(letter.attempts - 1, 30))
            due = self._clock().timestamp() + pause * (0.5 + self._luck.random() / 2)
            await asyncio.to_thread(self._outbox.later, letter.id, due, why)

    async def _posted(self, letter: Letter, body: bytes) -> str:
        """Why it was not taken; "" where it was: any 2xx."""
        import httpx

        assert self._client is not None  # noqa: S101 -- opened before anything is sent
        timestamp = int(self._clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "X-Webhook-Id": letter.id,
            "X-Webhook-Timestamp": str(timestamp),
            "X-Webhook-Attempt": str(letter.attempts),
            "X-Webhook-Signature": signature(self._options.secret.reveal(), timestamp, body),
        }
        try:
            # Of the reply only its status counts, so that nobody can fill the memory with the rest.
            async with (
                asyncio.timeout(self._options.send_timeout.seconds),
                self._client.stream("POST", self._options.url.reveal(), content=body, headers=headers) as reply,
            ):
                return "" if reply.is_success else str(reply.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            return type(error).__name__


def told(context: HookContext, *, content: bool) -> dict[str, Any]:
    """An event as it is told. What it has none of is left out."""
    record = context.record
    said: dict[str, Any] = {
        "event": context.moment.value,
        "operation": context.operation,
        "at": context.at,
        "tenant": context.tenant,
        "route": context.route,
        "user_id": context.user.id if context.user is not None else "",
        "agent_id": context.agent,
        "run_id": context.session,
        "principal": context.principal.id if context.principal is not None else "",
        "request_id": context.request_id,
        "kind": context.kind,
        "record_id": record.id if record is not None else context.target,
        "version": record.version if record is not None else None,
        "metadata": context.metadata,
        "count": context.count,
        "result_ids": [each.id for each in context.memory_results or ()],
        "code": context.code,
    }
    if content:
        found = [each.content for each in context.memory_results or ()]
        said |= {"content": context.content, "query": context.memory_query, "results": found}
    return {key: value for key, value in said.items() if value not in (None, "", [], {})}


@contextlib.asynccontextmanager
async def _running(work: Any) -> AsyncGenerator[None]:
    task = asyncio.create_task(work, name="webhook")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
