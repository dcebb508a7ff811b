"""Every failure of every endpoint has one shape, whatever failed."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from gateway.auth.keys import new_key
from gateway.faces.http.endpoint import Endpoint
from gateway.faces.http.endpoints import ENDPOINTS
from tests.gateways import Gateway, gateway

FULL, READER, NOBODY = (new_key(lambda size, n=n: bytes([n] * size)) for n in range(3))
CONFIG: Final = f"""
version: 1
providers:
  main: {{type: memory}}
tenants:
  default:
    auth:
      api_keys:
        - {{hash: "{FULL.hash}", roles: [reader, writer, eraser, operator]}}
        - {{hash: "{READER.hash}", roles: [operator]}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}
"""
PATHS: Final = {
    "memory_id": "m",
    "session_id": "s",
    "run_id": "r",
    "checkpoint_id": "c",
    "user_id": "u",
    "erasure_id": "e",
    "quarantine_id": "q",
}
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.name for each in ENDPOINTS])


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path, CONFIG) as made:
        yield made


def shaped(reply: httpx.Response, *statuses: int) -> None:
    assert reply.status_code in statuses, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert {"title", "status", "code", "detail", "request_id"} <= problem.keys()
    assert problem.keys() <= {"type", "title", "status", "code", "detail", "at", "request_id"}
    assert {key: type(value) for key, value in problem.items() if key != "status"} == dict.fromkeys(
        problem.keys() - {"status"}, str
    )
    assert problem["status"] == reply.status_code
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert re.fullmatch("[a-z][a-z0-9_]*", problem["code"])


@EVERY
async def test_every_failure_of_an_endpoint_has_one_shape(served: Gateway, endpoint: Endpoint) -> None:
    path = endpoint.path.format(**PATHS)
    required: dict[str, Any] = {
        field.encode_name: {
            "memories": [{"content": "x"}],
            "messages": [{"role": "user", "content": "x"}],
            "state": {},
            "status": "x",
            "keep": 1,
            "writes": [{"write_id": "w", "state": {}}],
        }[field.encode_name]
        for field in endpoint.body_fields()
        if field.required
    }

    async def ask(fields: dict[str, Any], key: str = FULL.text, method: str = endpoint.method, **more: Any) -> Any:
        fields = {
            name: each for name, each in fields.items() if not endpoint.bodied or name not in endpoint.path_names()
        }
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        if not more and endpoint.bodied:
            more = {"content": msgspec.json.encode({**required, **fields})}
        elif not more:
            more = {"params": fields}
        return await served.http.request(method, path, headers=headers, **more)

    shaped(await ask({"user_id": "u"}, NOBODY.text), 401)
    shaped(await ask({"user_id": "u"}, "nonsense"), 401)
    shaped(await served.http.request(endpoint.method, path), 401)
    shaped(await ask({"user_id": "u"}, READER.text), 403)
    shaped(await ask({"user_id": "u", "nonsense": "1"}), 422)
    if not endpoint.operation.everywhere:
        if endpoint.operation.across == "none":
            shaped(await ask({}), 400)  # no user
        shaped(await ask({"user_id": "u", "route": "nowhere"}), 404)
        shaped(await ask({"user_id": "u"}, headers={"X-Memory-Route": "nowhere"}), 404)
        shaped(await ask({"user_id": "u" * 513}), 422)
    shaped(await ask({"user_id": "u"}, method="TRACE"), 405)
    if endpoint.bodied:
        shaped(await ask({}, content=b"{"), 400)
        shaped(await ask({}, content=b"[]"), 422)
        shaped(await ask({}, content=b"x" * (10 * 2**20 + 1)), 413)
        shaped(await ask({}, params={"user_id": "u"}), 422)
    else:
        shaped(await ask({}, params=[("user_id", "u"), ("user_id", "v")]), 400)
    if endpoint.replayable:
        shaped(await ask({"user_id": "u"}, headers={"Idempotency-Key": "k" * 256}), 400)


async def test_what_is_no_endpoint_fails_in_the_same_shape(served: Gateway) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/v1"),
        ("POST", "/v2/memories"),
        ("DELETE", "/v1/memories/m/history/x"),
    ):
        shaped(await served.http.request(method, path), 404)
    for method, path in (("POST", "/health/live"), ("DELETE", "/metrics"), ("PUT", "/v1/memories")):
        shaped(await served.http.request(method, path), 405)
