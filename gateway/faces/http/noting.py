"""A line for each request that no endpoint answers: health, metrics, the admin face, the schema, and refusals.

Endpoints write their own line, with more in it; they say so in the request's scope.
"""

import time
from typing import TYPE_CHECKING, Any, Final

from gateway.faces.http.lines import Line, Lines

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

NOTED: Final = "gateway.noted"


async def noted(app: "ASGIApp", lines: Lines, scope: "Scope", receive: "Receive", send: "Send") -> None:
    started = time.perf_counter()
    status, request_id = 0, ""

    async def passing(message: "Message") -> None:
        nonlocal status, request_id
        if message["type"] == "http.response.start":
            status = message["status"]
            request_id = next((value.decode() for name, value in message["headers"] if name == b"x-request-id"), "")
        await send(message)

    await app(scope, receive, passing)
    told: dict[str, Any] = dict(scope)
    if NOTED not in told:
        lines.write(
            Line(
                request_id=request_id,
                method=told["method"],
                path=told.get("path_template")
                or "",  # what was asked for is the caller's; where nothing is, nothing is said
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 3),
            )
        )
