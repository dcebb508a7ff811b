"""The flow of every request to a language model: recall, add, ask the upstream, pass on what it says as it says it, keep.

The client has its reply, to the last byte, before anything is kept. What is kept is what was said by the client and the
model, never what was added here; and nothing of a reply that was an error or broke off.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec

from gateway.domain.errors import GatewayError, Malformed
from gateway.faces.http.exchange import Exchange, Phrase, Reply
from gateway.faces.llm.tongue import Body, Tongue, json_of
from gateway.faces.llm.turns import due, key, memories, turns
from gateway.services.memories.adding import ADD_BATCH, AddBatch
from gateway.services.prompting import PROMPT, Led, Prompted, lead
from gateway.upstreams.carried import SENT, Carried

INJECTED: Final = b"x-memory-injected"  # ids of the memories that were added
HEARD: Final = 4 << 20  # bytes of a reply that are looked at for what to keep

_log = logging.getLogger("gateway.llm")


class Whose(msgspec.Struct, frozen=True):
    user: str
    agent: str
    session: str


def phrase(tongue: Tongue) -> Phrase:
    async def answer(exchange: Exchange) -> Reply:
        return await _answered(tongue, exchange)

    return Phrase(
        name=tongue.name, method="POST", path=f"/v1{tongue.path}", answer=answer, failed=tongue.failed, face=tongue.face
    )


def passed(tongue: Tongue, path: str) -> Phrase:
    """What is led to the upstream as it is, such as the list of its models."""

    async def answer(exchange: Exchange) -> Reply:
        model = exchange.path.get("model", "")
        led = lead(exchange.snapshot, exchange.principal, exchange.facts(PROMPT), model)
        named = path.format(**exchange.path)
        return await _carried(exchange, led, "GET", named, b"", None)

    return Phrase(
        name=f"{tongue.face}.models", method="GET", path=f"/v1{path}", answer=answer, failed=tongue.failed,
        face=tongue.face, bodied=False,
    )  # fmt: skip


async def _answered(tongue: Tongue, exchange: Exchange) -> Reply:
    found = json_of(exchange.body)
    if not found:
        raise Malformed("the body is no JSON object", code="bad_json")
    body, header = found[0], exchange.header
    whose = Whose(
        header("x-user-id") or tongue.user(body),
        header("x-agent-id") or "",
        header("x-session-id") or tongue.session(body),
    )
    said = tongue.said(body)
    query = next((each.text for each in reversed(said) if each.role == "user"), "")
    model = body.get("model")
    asked = Prompted(query=query, said=tongue.texts(body), model=model if isinstance(model, str) else "")
    facts = exchange.facts(PROMPT, user=whose.user, agent=whose.agent, run=whose.session)
    led = await exchange.perform(PROMPT, facts, asked)
    exchange.degraded = led.degraded or exchange.degraded
    sent = exchange.body
    if led.block:
        late = led.proxy.inject.placement == "late"
        told = tongue.told(body, led.block, late, led.proxy.memory_summary_in_system)
        sent = msgspec.json.encode(told)
    keep = _Keeping(tongue, exchange, led, body, whose) if led.proxy.auto_store else None
    return await _carried(exchange, led, "POST", tongue.path, sent, keep)


class _Keeping:
    """Listens to a reply and keeps the turns that are due when it was good and is over."""

    def __init__(self, tongue: Tongue, exchange: Exchange, led: Led, body: Body, whose: Whose) -> None:
        self._tongue = tongue
        self._exchange = exchange
        self._led = led
        self._body = body
        self._whose = whose
        self._heard = bytearray()

    def hear(self, chunk: bytes) -> None:
        if len(self._heard) < HEARD:
            self._heard += chunk

    async def keep(self) -> None:
        led, exchange, whose = self._led, self._exchange, self._whose
        answer = self._tongue.heard(bytes(self._heard), bool(self._body.get("stream")))
        known = turns(self._tongue.said(self._body), answer)
        kept = due(led.proxy, known)
        made = memories(led.settings, kept)
        if not made:
            return
        facts = exchange.facts(
            ADD_BATCH,
            user=whose.user,
            agent=whose.agent,
            run=whose.session,
            idempotency_key=key(whose.session, known, kept),
        )
        try:
            done = await exchange.perform(ADD_BATCH, facts, AddBatch(memories=made))
        except GatewayError as error:  # the client has its reply; who looks after the gateway must know
            _log.error("a conversation was not kept", extra={"code": error.code, "request_id": exchange.request_id})
            return
        for each in done.results:
            if each.event == "ERROR":
                _log.error("a turn was not kept", extra={"code": each.code, "request_id": exchange.request_id})


async def _carried(
    exchange: Exchange, led: Led, method: str, path: str, body: bytes, keeping: _Keeping | None
) -> Reply:
    stack = AsyncExitStack()
    try:
        reply = await led.upstream.ask(method, path, body, _passed_on(exchange), stack)
    except BaseException:
        await stack.aclose()
        raise
    injected = ((INJECTED, ",".join(led.ids).encode()),) if led.ids else ()
    headers = {name.encode(): value.encode("latin-1") for name, value in reply.headers.items()}
    kind = headers.pop(b"content-type", b"application/json")
    return Reply(
        status=reply.status,
        kind=kind,
        headers=(*headers.items(), *injected),
        stream=_stream(reply, stack, keeping if reply.status == 200 else None),
    )


async def _stream(reply: Carried, stack: AsyncExitStack, keeping: _Keeping | None) -> AsyncGenerator[bytes]:
    async with stack:
        async for chunk in reply.chunks:
            if keeping is not None:
                keeping.hear(chunk)
            yield chunk
    if keeping is not None:
        await keeping.keep()


def _passed_on(exchange: Exchange) -> Mapping[str, str]:
    found: dict[str, Any] = {name: exchange.header(name) for name in SENT}
    return {name: value for name, value in found.items() if value}
