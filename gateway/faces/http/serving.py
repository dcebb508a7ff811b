"""Serving an endpoint: credential, body, service, bytes. The one path that every native request takes.

Litestar finds it by the path, as a middleware of the endpoint's handler that answers by itself; nothing is done per
request that was already decided when the server was built.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from gateway.domain.errors import Malformed, TooLarge, Unavailable
from gateway.faces.http.admission import Admission
from gateway.faces.http.endpoint import Endpoint, Reader
from gateway.faces.http.lines import Line, Lines
from gateway.faces.http.noting import NOTED
from gateway.faces.http.problems import TYPE, problem
from gateway.runtime.running import Running
from gateway.services.call import perform

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

JSON: Final = b"application/json"
DEGRADED: Final = b"memory-gateway-degraded"  # the code of what a backend failed with
TEXT: Final = b"text/plain; charset=utf-8"

_encode = msgspec.json.Encoder().encode


class Served:
    """Serves one endpoint for as long as the server lives; the Snapshot is leased anew by each request."""

    def __init__(self, endpoint: Endpoint, running: Running, lines: Lines, admission: Admission) -> None:
        self.endpoint = endpoint
        self.path_names = endpoint.path_names()
        self._reader = Reader(endpoint)
        self._running = running
        self._lines = lines
        self._admission = admission
        self._name = endpoint.operation.name

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        started = time.perf_counter()
        scope[NOTED] = True  # type: ignore[literal-required]  # a key of our own
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        header = header_reader(headers)
        request_id = request_id_of(header, self._running)
        tenant = key = code = ""
        extra: tuple[tuple[bytes, bytes], ...] = ()
        try:
            with self._running.snapshot as snapshot:
                principal = snapshot.gate.identify(
                    header("authorization") or header("x-api-key"), self._running.means.clock()
                )
                tenant, key = principal.tenant, principal.id
                async with self._admission.place(snapshot, tenant):
                    body = (
                        await read_body(receive, header, snapshot.config.server.max_body.bytes)
                        if self.endpoint.bodied
                        else b""
                    )
                    path = {name: unquote(scope["path_params"][name], errors="strict") for name in self.path_names}
                    request = self._reader.read(body, scope["query_string"], path)
                    facts = self._reader.facts(request, header)
                    reply, degraded = await perform(snapshot, principal, self.endpoint.operation, facts, request)
            status = self.endpoint.status
            text = self.endpoint.text(request, reply) if self.endpoint.text else None
            kind, content = (JSON, _encode(reply)) if text is None else (TEXT, text.encode())
            if self.endpoint.replayable and getattr(reply, "replayed", False) is True:
                extra = ((b"idempotency-replayed", b"true"),)
            if degraded:
                extra = (*extra, (DEGRADED, degraded.encode()))
        except UnicodeDecodeError:
            code, status, kind, content, extra = _failed(
                Malformed("the path is not UTF-8", code="bad_path"), request_id
            )
        except asyncio.CancelledError:
            if not self._running.leaving:
                raise  # the caller's own doing
            code, status, kind, content, extra = _failed(_cut_off(), request_id)
        except Exception as error:  # noqa: BLE001 - the outermost edge: every failure becomes a problem
            code, status, kind, content, extra = _failed(error, request_id)
        await answer(send, status, kind, content, request_id, extra)
        if code:
            self._running.means.meters.problem(code)
        elapsed = (time.perf_counter() - started) * 1000
        self._lines.write(
            Line(
                request_id=request_id,
                method=self.endpoint.method,
                path=self.endpoint.path,
                operation=self._name,
                status=status,
                code=code,
                ms=round(elapsed, 3),
                tenant=tenant,
                key=key,
            )
        )


def _cut_off() -> Unavailable:
    """Only a server that stops ends requests, and only those that have not ended in the time they had."""
    return Unavailable(
        "this gateway stopped before the request was done; what it was to write may be written or not",
        code="cut_off",
        headers={"Retry-After": "1"},
    )


def _failed(error: BaseException, request_id: str) -> tuple[str, int, bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    shown, content = problem(error, request_id)
    extra = tuple((name.lower().encode(), value.encode()) for name, value in shown.headers.items())
    return shown.code, shown.status, TYPE, content, extra


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
