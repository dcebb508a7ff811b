"""Every door of the gateway, and who comes through it: the rows of roles.tsv, and how one is tried.

A row is a face, a method, a path, a request that somebody who may do everything gets through with, and one cell for each
caller: `in`, or the code of the refusal. `python -m tests.auth.roles` prints rows for doors that have none: read them
before you keep them.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import msgspec
from litestar import Litestar

from gateway.auth.keys import new_key
from gateway.faces.http import app as module
from gateway.faces.http import lines as line_module
from gateway.faces.http.endpoints import ENDPOINTS
from gateway.faces.mcp.tools import TOOLS
from gateway.faces.phrases import PHRASES
from tests.auth.issuer import AUD, ISS, claims, jwk, jwks, private, token
from tests.gateways import Gateway, gateway

TABLE: Final = Path(__file__).with_name("roles.tsv")
CANARY: Final = "canary-of-acme"
USER: Final = "ann"
ALL: Final = "[reader, writer, eraser, auditor, operator]"
KEYS: Final = {
    name: new_key(lambda count, n=n: bytes((n * 7 + each) % 256 for each in range(count)))
    for n, name in enumerate(
        ("owner", "reader", "writer", "eraser", "auditor", "operator", "bound", "memory", "message", "checkpoint",
         "early", "late", "other", "admin")
    )
}  # fmt: skip
_GIVEN: Final = {
    "owner": f"roles: {ALL}",
    **{role: f"roles: [{role}]" for role in ("reader", "writer", "eraser", "auditor", "operator")},
    "bound": f"roles: {ALL}, user: somebody-else",
    **{kind: f"roles: {ALL}, kinds: [{kind}]" for kind in ("memory", "message", "checkpoint")},
    "early": f'roles: {ALL}, not_before: "2099-01-01"',
    "late": f'roles: {ALL}, expires: "2020-01-01"',
}
CALLERS: Final = ("owner", "none", *list(_GIVEN)[1:], "other", "token", "stranger", "admin")
_PARTS: Final = {
    "{quarantine_id}": "q1", "{user_id}": USER, "{session_id}": "s1", "{run_id}": "r1", "{checkpoint_id}": "c1",
    "{generation:int}": "1", "{generation}": "1", "{name:str}": "acme", "{kind}": "user", "{name}": USER,
}  # fmt: skip


class Door(msgspec.Struct, frozen=True, order=True):
    face: str
    method: str
    path: str


# What is said to somebody who may do everything, and may ask for what is not there or not offered.
ANSWERED: Final = ("2", "404", "405", "422 cannot_extract", "501", "400 missing_scope_part")
_ADD: Final = Door("native", "POST", "/v1/memories")
_FURNITURE: Final = (
    (
        Door("native", "POST", "/v1/sessions/{session_id}/messages"),
        {"user_id": USER, "message": {"role": "user", "content": CANARY}},
    ),
    (
        Door("native", "PUT", "/v1/runs/{run_id}/checkpoints/{checkpoint_id}"),
        {"user_id": USER, "state": {"c": CANARY}},
    ),
)


class Row(msgspec.Struct, frozen=True):
    door: Door
    request: str
    cells: dict[str, str]


def rows() -> list[Row]:
    head, *lines = TABLE.read_text().splitlines()
    names = head.split("\t")[4:]
    found: list[Row] = []
    for line in lines:
        face, method, path, request, *cells = line.split("\t")
        found.append(Row(Door(face, method, path), request, dict(zip(names, cells, strict=True))))
    return found


def text_of(folder: Path) -> str:
    """A gateway with one key for each caller, that serves every face."""
    (folder / "keys.json").write_bytes(jwks(jwk(private("Ed25519"), "one")))
    keys = "\n".join(f'        - {{hash: "{KEYS[name].hash}", {given}}}' for name, given in _GIVEN.items())
    faces = ", ".join(f"{face}: true" for face in sorted({each.face for each in PHRASES} - {"native"}))
    return f"""
version: 1
server: {{failed_auth: 1000000}}
admin: {{loopback: false, chaos: true, api_keys: [{{hash: "{KEYS["admin"].hash}"}}]}}
issuers:
  corp: {{issuer: "{ISS}", audience: {AUD}, jwks: keys.json, claims: {{tenant: org}}, default_roles: [reader]}}
faces: {{{faces}}}
providers:
  main: {{type: sqlite, path: roles.db}}
defaults: {{chain: main, retrieval: {{strategy: recent}}}}
tenants:
  acme:
    auth:
      api_keys:
{keys}
    routes: {{everything: {{default: true, kinds: [memory, message, checkpoint]}}}}
  other:
    auth: {{api_keys: [{{hash: "{KEYS["other"].hash}", roles: {ALL}}}]}}
    routes: {{everything: {{default: true, kinds: [memory, message, checkpoint]}}}}
"""


class Served:
    """That gateway, asked from another machine, and every path that Litestar itself routes."""

    def __init__(self, inside: Gateway, litestar: Litestar) -> None:
        self._inside = inside
        self.litestar = litestar
        self._memory = "none"
        transport = httpx.ASGITransport(app=inside.app, raise_app_exceptions=False, client=("203.0.113.9", 1))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://gateway.test")

    async def ask(self, door: Door, request: str, caller: str) -> tuple[int, str, str]:
        """Status, code and text of what comes back."""
        credential = _credential(caller)
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        path, request = door.path, request.replace("{memory_id}", self._memory)
        for name, value in {**_PARTS, "{memory_id}": self._memory}.items():
            path = path.replace(name, value)
        if door.face == "mcp tool":
            call = {"name": door.path, "arguments": json.loads(request)}
            sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
            got = await self.http.post(
                "/mcp", json=sent, headers={**headers, "accept": "application/json, text/event-stream"}
            )
        elif request.startswith("?"):
            got = await self.http.request(door.method, path + request, headers=headers)
        else:
            body = request.encode() if request else b""
            more = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
            got = await self.http.request(door.method, path, content=body, headers={**headers, **more})
        code = ""
        if got.status_code >= 400:
            code = self._code(got.headers.get("x-request-id", ""))
        elif door.face == "mcp tool" and '"isError":true' in got.text:
            code = next((each for each in ("role_missing", "kind_not_allowed", "user_bound") if each in got.text), "")
        return got.status_code, code, got.text

    async def furnish(self) -> None:
        """What there is to be seen, for whoever may."""
        _, _, text = await self.ask(_ADD, json.dumps({"user_id": USER, "content": CANARY}), "owner")
        self._memory = json.loads(text)["id"]
        for door, body in _FURNITURE:
            status, _, text = await self.ask(door, json.dumps(body), "owner")
            assert status < 300, text

    def _code(self, request_id: str) -> str:
        """As the log has it: errors have another shape in every language."""
        lines = b"".join(self._inside.lines).splitlines()
        del self._inside.lines[:]
        told = [json.loads(line) for line in lines]
        return next((each.get("code", "") for each in told if each.get("request_id") == request_id), "")

    async def cells(self, door: Door, request: str) -> dict[str, str]:
        """What becomes of every caller; whoever may do everything comes last, when there is little left to be done."""
        if not _last(door)[0]:
            await self.furnish()
        return {caller: await self.cell(door, request, caller) for caller in (*CALLERS[1:], CALLERS[0])}

    async def cell(self, door: Door, request: str, caller: str) -> str:
        status, code, text = await self.ask(door, request, caller)
        refused = status in (401, 403) or (door.face == "mcp tool" and code)
        if (refused or caller in ("other", "none")) and CANARY in text:
            return "LEAK"
        if caller == "owner" and not refused:
            said = f"{status} {code}"
            return "in" if said.startswith(ANSWERED) else said  # what it asks does not get as far as a decision
        return (code or str(status)) if refused else "in"


def _credential(caller: str) -> str:
    if caller == "none":
        return ""
    if caller == "token":
        return token(claims(sub=USER))
    if caller == "stranger":
        return token(claims(sub=USER), private("Ed25519", 1))  # signed by somebody else
    return KEYS[caller].text


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[Served]:
    made: list[Litestar] = []

    def recorded(*given: Any, **more: Any) -> Litestar:
        made.append(Litestar(*given, **more))
        return made[-1]

    # Each line of the log at once: it has the codes.
    with patch.object(module, "Litestar", recorded), patch.object(line_module, "FLUSH_LINES", 1):
        async with gateway(folder, text_of(folder)) as inside:
            served = Served(inside, made[0])
            async with served.http:
                yield served


def doors(litestar: Litestar) -> Iterator[Door]:
    """All there are: what Litestar routes, what other languages say, and the tools of one path."""
    native = {(each.method, each.path) for each in ENDPOINTS}
    yield from (Door("native", *each) for each in native)
    own = {(method, path.replace(":str}", "}")) for method, path in native}
    for route in litestar.routes:
        for method in sorted(getattr(route, "methods", ())):
            path = route.path_format
            if method in ("OPTIONS", "HEAD") or (method, path) in own:
                continue
            yield Door("gateway", method, path)
    yield from (Door(each.face, each.method, each.path) for each in PHRASES)
    yield from (Door("mcp tool", "CALL", each.name) for each in TOOLS)


async def _print_missing() -> None:
    known = {row.door: row for row in rows()} if TABLE.exists() else {}
    again = "--all" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as served:
            if again:
                sys.stdout.write("\t".join(["face", "method", "path", "request", *CALLERS]) + "\n")
            for door in sorted(set(doors(served.litestar)), key=_last):
                if door in known and not again:
                    continue
                request = known[door].request if door in known else _guess(door)
                cells = await served.cells(door, request)
                line = [door.face, door.method, door.path, request, *(cells[caller] for caller in CALLERS)]
                sys.stdout.write("\t".join(line) + "\n")


def _last(door: Door) -> tuple[bool, Door]:
    """Erasing a person comes after everything that is about that person."""
    return "/users/" in door.path or "/subjects/" in door.path, door


def _guess(door: Door) -> str:
    return f"?user_id={USER}" if door.method in ("GET", "DELETE") else json.dumps({"user_id": USER})


if __name__ == "__main__":
    asyncio.run(_print_missing())
