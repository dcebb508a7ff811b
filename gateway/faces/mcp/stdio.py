"""The protocol over standard input and output: each line is posted to /mcp, and what comes back is a line.

So there is one way a call is answered, here or by a gateway elsewhere. Calls run side by side; answers come as they
are ready. Ends when the input does and all calls are answered.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, cast

import httpx
import msgspec

from gateway.faces.mcp.rpc import PARSE, REFUSED, Answer, Fault
from gateway.faces.mcp.server import PATH

AT_ONCE: Final = 32


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """As much of a call as its answer needs."""

    id: int | str | None = None
    method: str = ""


async def bridge(
    lines: AsyncIterator[bytes], http: httpx.AsyncClient, tell: Callable[[bytes], None], user: str
) -> None:
    """`user` is whose memories a tool is about where a call does not say; "" for nobody's in particular."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(line: bytes) -> None:
        async with places:
            answer = await _answer(line, http, user)
        if answer:
            tell(answer.replace(b"\n", b" ") + b"\n")

    async with asyncio.TaskGroup() as calls:
        async for line in lines:
            if line.strip():
                calls.create_task(one(line))


async def _answer(line: bytes, http: httpx.AsyncClient, user: str) -> bytes:
    try:
        asked = msgspec.json.decode(line, type=Line | list[Any])
    except msgspec.MsgspecError:
        return _fault(None, PARSE, "this line is no JSON-RPC call")
    call = asked.id if isinstance(asked, Line) else None
    silent = isinstance(asked, Line) and (call is None or not asked.method)
    try:
        reply = await http.post(PATH, content=_owned(line, user), headers={"Content-Type": "application/json"})
    except httpx.HTTPError as error:
        return b"" if silent else _fault(call, REFUSED, f"the gateway cannot be reached: {type(error).__name__}")
    if silent or reply.status_code < 400:
        return b"" if silent else reply.content
    try:
        fault = msgspec.json.decode(reply.content, type=_Refused).error
    except msgspec.MsgspecError:
        fault = Fault(code=REFUSED, message=f"the gateway answered {reply.status_code}")
    return msgspec.json.encode(Answer(id=call, error=fault))


class _Refused(msgspec.Struct, frozen=True):
    error: Fault


def _owned(line: bytes, user: str) -> bytes:
    """The call with whose memories it is about, where it is one of a tool that does not say."""
    if not user:
        return line
    call: Any = msgspec.json.decode(line)
    if isinstance(call, dict):
        told = cast("dict[str, Any]", call)
        params: Any = told.get("params")
        if told.get("method") == "tools/call" and isinstance(params, dict):
            arguments: Any = cast("dict[str, Any]", params).setdefault("arguments", {})
            if isinstance(arguments, dict) and not cast("dict[str, Any]", arguments).get("user_id"):
                arguments["user_id"] = user
    return msgspec.json.encode(call)


def _fault(call: int | str | None, code: int, message: str) -> bytes:
    return msgspec.json.encode(Answer(id=call, error=Fault(code=code, message=message)))
