"""The ASGI application: who may ask, which path is meant, and the same answer again for the same Idempotency-Key."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from tests.servers.zep import graphs, people
from tests.servers.zep.answers import Refused, held_to
from tests.servers.zep.asked import Asked
from tests.servers.zep.finding import Ranking
from tests.servers.zep.state import State

_BASE: Final = "/api/v4/"
_DONE: Final = {"GET": 200, "PATCH": 200, "DELETE": 202, "POST": 200}
ROUTES: Final = (*people.ROUTES, *graphs.ROUTES)
_PATTERNS: Final = [
    (route.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)), route) for route in ROUTES
]


class App:
    def __init__(self, state: State, key: str) -> None:
        self._state = state
        self._key = key
        self._ranking = Ranking()

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            status, answer = await self._answer(scope, body)
        except Refused as refused:
            status, answer = refused.status, msgspec.json.encode(refused.body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: Any, body: bytes) -> tuple[int, bytes]:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        if headers.get("authorization") != f"Api-Key {self._key}":
            raise Refused(401, "unauthorized", "unknown API key")
        path = scope["path"]
        if not path.startswith(_BASE):
            raise Refused(404, "not_found", "no such path")
        for method, pattern, route in _PATTERNS:
            found = pattern.fullmatch(path.removeprefix(_BASE)) if method == scope["method"] else None
            if found is None:
                continue
            given: dict[str, Any] = msgspec.json.decode(body) if body else {}
            unknown = given.keys() - set(route.keys)
            if unknown:
                raise Refused(400, "invalid_request", f"unknown fields {sorted(unknown)}")
            query = dict(pair.split("=", 1) for pair in _unquoted(scope["query_string"]) if "=" in pair)
            asked = Asked(self._state, self._ranking, found.groupdict(), query, given)
            key = f"{method} {path} {headers.get('idempotency-key', '')}" if route.writes else ""
            if key and key in self._state.keys:
                return route.status, self._state.keys[key]
            answer = held_to(route.model, await route.act(asked))
            if asked.changes:
                kept = [{"key": key, "answer": answer.decode()}] if key else []
                self._state.write(*asked.changes, *kept)
            return route.status, answer
        raise Refused(404, "not_found", "no such path")


def _unquoted(raw: bytes) -> list[str]:
    from urllib.parse import unquote_plus

    return [unquote_plus(pair) for pair in raw.decode().split("&")]
