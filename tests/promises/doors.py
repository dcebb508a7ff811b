"""The ways into a gateway for the same requests: straight to the services, or over HTTP."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.endpoint import Endpoint, Reader
from gateway.faces.http.endpoints import ENDPOINTS
from gateway.faces.http.exchange import Exchange
from gateway.runtime.snapshot import Snapshot
from gateway.services.call import perform
from tests.promises.tenancy import Key

_BY_NAME: Final = {each.operation.name: each for each in ENDPOINTS}
_READERS: Final = {name: Reader(each) for name, each in _BY_NAME.items()}


class Answer(msgspec.Struct, frozen=True):
    status: int
    code: str
    raw: bytes  # everything that came back
    reply: Any = None


class Door(Protocol):
    async def ask(self, key: Key, operation: str, fields: Mapping[str, Any], idempotency: str = "") -> Answer: ...


class Inside:
    """Through `perform`, as every face does, without a wire."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    async def ask(self, key: Key, operation: str, fields: Mapping[str, Any], idempotency: str = "") -> Answer:
        endpoint = _BY_NAME[operation]
        request = msgspec.json.decode(msgspec.json.encode(fields), type=endpoint.request)
        header: Callable[[str], str | None] = {"idempotency-key": idempotency}.get
        exchange = Exchange(
            snapshot=self.snapshot,
            principal=key.principal,
            path={},
            query=b"",
            body=b"",
            header=header,
            request_id="",
            source="",
        )
        facts = _READERS[operation].facts(request, exchange)
        try:
            reply = (await perform(self.snapshot, key.principal, endpoint.operation, facts, request)).reply
        except GatewayError as error:
            return Answer(error.status, error.code, f"{error.detail} {error.at}".encode())
        raw = msgspec.json.encode(reply)
        return Answer(endpoint.status, "", raw, msgspec.json.decode(raw))


class Wire:
    """As a client on the network."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, key: Key, operation: str, fields: Mapping[str, Any], idempotency: str = "") -> Answer:
        endpoint = _BY_NAME[operation]
        path, rest = path_of(endpoint, fields)
        headers = {"Authorization": f"Bearer {key.text}"}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        if endpoint.bodied:
            got = await self.http.request(endpoint.method, path, json=rest, headers=headers)
        else:
            query = {
                name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
                for name, value in rest.items()
            }
            got = await self.http.request(endpoint.method, path, params=query, headers=headers)
        raw = got.content + repr(sorted(got.headers.items())).encode()
        reply = got.json()
        return Answer(got.status_code, reply.get("code", "") if got.status_code >= 400 else "", raw, reply)


def path_of(endpoint: Endpoint, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    path, rest = endpoint.path, dict(fields)
    for name, field in zip(endpoint.path_names(), endpoint.path_fields(), strict=True):
        path = path.replace("{" + name + "}", quote(str(rest.pop(field)), safe=""))
    return path, rest
