"""Serving a phrase: credential, place, body, answer, bytes, and one line about it. The one path that every request
takes which is not about the gateway itself.

Litestar finds native ones by the path, as a middleware of the endpoint's handler that answers by itself; nothing is
done per request that was already decided when the server was built.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from gateway.auth.tokens import Unsettled
from gateway.domain.errors import Malformed, TooLarge, Unavailable
from gateway.domain.principal import Principal
from gateway.faces.http.admission import Admission
from gateway.faces.http.doorman import Doorman
from gateway.faces.http.exchange import Exchange, Phrase, Reply
from gateway.faces.http.lines import Line, Lines
from gateway.faces.http.noting import NOTED
from gateway.faces.http.problems import shown
from gateway.runtime.running import Running

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

DEGRADED: Final = b"memory-gateway-degraded"  # the code of what a backend failed with

_NOBODY: Final = Principal(id="", tenant="", roles=frozenset())


class Served:
    """Serves one phrase for as long as the server lives; the Snapshot is leased anew by each request."""

    def __init__(self, phrase: Phrase, running: Running, lines: Lines, admission: Admission) -> None:
        self.phrase = phrase
        self.path_names = phrase.path_names()
        self._running = running
        self._lines = lines
        self._admission = admission
        self._doorman = Doorman(running)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        started = time.perf_counter()
        scope[NOTED] = True  # type: ignore[literal-required]  # a key of our own
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        header = header_reader(headers)
        request_id = request_id_of(header, self._running)
        phrase = self.phrase
        principal, code, sent = _NOBODY, "", False
        try:
            with self._running.snapshot as snapshot:
                source = scope["client"][0] if scope["client"] else ""
                if not phrase.open:
                    presented = header("authorization") or header("x-api-key")
                    try:
                        principal = self._doorman.identify(snapshot, presented, source)
                    except Unsettled as unsettled:
                        principal = await self._doorman.settled(snapshot, presented, source, unsettled)
                async with self._admission.place(snapshot, principal.tenant):
                    most = snapshot.config.server.max_body.bytes
                    exchange = Exchange(
                        snapshot=snapshot,
                        principal=principal,
                        path={name: unquote(scope["path_params"][name], errors="strict") for name in self.path_names},
                        query=scope["query_string"],
                        body=await read_body(receive, header, most) if phrase.bodied else b"",
                        header=header,
                        request_id=request_id,
                        source=source,
                    )
                    reply = await phrase.answer(exchange)
                    if exchange.degraded:
                        reply = _with(reply, (DEGRADED, exchange.degraded.encode()))
                    if reply.stream is not None:
                        sent = True
                        await stream(receive, send, reply, reply.stream, request_id)
        except UnicodeDecodeError:
            code, reply = self._failed(Malformed("the path is not UTF-8", code="bad_path"), request_id)
        except asyncio.CancelledError:
            if sent or not self._running.leaving:
                raise  # the caller's own doing
            code, reply = self._failed(_cut_off(), request_id)
        except Exception as error:  # noqa: BLE001 - the outermost edge: every failure becomes a reply
            code, reply = self._failed(error, request_id)
        if not sent:
            await answer(send, reply.status, reply.kind, reply.content, request_id, reply.headers)
        if code:
            self._running.means.meters.problem(code)
        elapsed = (time.perf_counter() - started) * 1000
        self._lines.write(
            Line(
                request_id=request_id,
                method=phrase.method,
                path=phrase.path,
                operation=phrase.name,
                status=reply.status,
                code=code,
                ms=round(elapsed, 3),
                tenant=principal.tenant,
                key=principal.id,
            )
        )

    def _failed(self, error: BaseException, request_id: str) -> tuple[str, Reply]:
        known = shown(error, request_id)
        extra = ((name.lower().encode(), value.encode()) for name, value in known.headers.items())
        return known.code, _with(self.phrase.failed(known, request_id), *extra)


def _with(reply: Reply, *headers: tuple[bytes, bytes]) -> Reply:
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


def _cut_off() -> Unavailable:
    """Only a server that stops ends requests, and only those that have not ended in the time they had."""
    return Unavailable(
        "this gateway stopped before the request was done; what it was to write may be written or not",
        code="cut_off",
        headers={"Retry-After": "1"},
    )


def header_reader(headers: Iterable[tuple[bytes, bytes]]) -> Callable[[str], str | None]:
    """Looks headers up by lower-case name; the first of a name counts. What is not UTF-8 reads as latin-1, as HTTP has it."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        values.setdefault(name, value)

    def header(name: str) -> str | None:
        value = values.get(name.encode())
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    return header


def request_id_of(header: Callable[[str], str | None], running: Running) -> str:
    """The caller's X-Request-Id where it is a plain short word, else a new one."""
    given = header("x-request-id")
    if given and len(given) <= 128 and given.isascii() and given.isprintable() and " " not in given:
        return given
    return running.means.mint.stamp().id


async def read_body(receive: "Receive", header: Callable[[str], str | None], limit: int) -> bytes:
    """The whole body, refused as soon as it is known to be too large."""
    declared = header("content-length")
    if declared and declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the body has {declared} bytes; this gateway takes {limit}", code="body_too_large")
    chunks: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("the client went away before its request was complete", code="disconnected")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is larger than {limit} bytes", code="body_too_large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def answer(
    send: "Send",
    status: int,
    kind: bytes,
    content: bytes,
    request_id: str,
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(content)).encode()),
        (b"x-request-id", request_id.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})  # type: ignore[arg-type]  # plain dict
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def stream(
    receive: "Receive", send: "Send", reply: Reply, chunks: AsyncGenerator[bytes], request_id: str
) -> None:
    """Each chunk as it comes. One that fails half way ends the connection, so that nobody takes it for the whole; when
    the caller has gone, nothing more is made for it."""
    headers = [(b"content-type", reply.kind), (b"x-request-id", request_id.encode()), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})  # type: ignore[arg-type]  # plain dict
    gone = asyncio.create_task(_until_gone(receive))
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
