"""Contents, ids of users, queries and credentials stay out of logs, metrics, health, OpenAPI and other tenants' replies."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.auth.keys import new_key
from gateway.faces.http import exchange
from gateway.services.call import perform
from tests.gateways import gateway, process

MARK: Final = "canary"
KEYS: Final = [new_key(os.urandom) for _ in range(3)]
CONFIG: Final = f"""
version: 1
server: {{cursor_key: "${{env:CURSOR_CANARY}}"}}
embedders:
  away: {{type: openai, url: "http://127.0.0.1:9/v1", model: m, dimension: 8, api_key: "${{env:KEY_CANARY}}"}}
providers:
  main: {{type: sqlite, path: data/test.db}}
  far: {{type: memory, embedder: away}}
tenants:
  one:
    auth: {{api_keys: [{{hash: "{KEYS[0].hash}", roles: [reader, writer, eraser]}}]}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}
      failing: {{chain: far}}
  two:
    auth: {{api_keys: [{{hash: "{KEYS[1].hash}", roles: [reader, writer, eraser]}}]}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}
"""
SECRETS: Final = {"CURSOR_CANARY": f"{MARK}-cursor-key-of-enough-characters", "KEY_CANARY": f"{MARK}-embedder-key"}


def word(name: str) -> str:
    return f"{MARK}-{name}"


def mixed() -> list[tuple[str, str, dict[str, Any]]]:
    """A load of everything, right and wrong, with a canary wherever a client can put one."""
    user = {"user_id": word("user"), "agent_id": word("agent"), "run_id": word("run")}
    memory = {**user, "content": word("content"), "metadata": {"k": word("metadata")}, "role": word("role")}
    path = f"/v1/memories/{word('id')}"
    session = f"/v1/sessions/{word('session')}"
    run = f"/v1/runs/{word('run')}"
    scoped = {"user_id": word("user")}
    bad: list[Any] = [
        {**memory, "ttl_seconds": -1}, {**memory, "content": ""}, {**memory, "route": "failing"},
        {**memory, "created_at": "never"}, {**memory, "metadata": {"k": [word("metadata"), 2**60]}},
        {**memory, "user_id": word("user") + "x" * 600}, {**memory, "role": 1}, {**memory, "content": word("c") + "\0"},
    ]  # fmt: skip
    return [
        ("POST", "/v1/memories", {"json": memory, "headers": {"Idempotency-Key": word("idempotency")}}),
        ("POST", "/v1/memories", {"json": {**memory, "content": word("other")}, "headers": {"Idempotency-Key": word("idempotency")}}),
        *(("POST", "/v1/memories", {"json": each}) for each in bad),
        ("POST", "/v1/memories", {"content": f'{{"user_id":"{word("user")}","content":"{word("content")}'}),
        ("POST", "/v1/memories/batch", {"json": {**user, "memories": [{"content": word("batch")}, {"content": ""}]}}),
        *(
            ("POST", "/v1/memories/search", {"json": {**scoped, "query": word("query"), "explain": True, **more}})
            for more in ({}, {"strategy": "lexical"}, {"strategy": "nowhere"}, {"filters": {"k": word("filter")}}, {"route": "failing"})
        ),
        ("POST", "/v1/context", {"json": {**scoped, "query": word("query")}}),
        ("GET", "/v1/memories", {"params": {**scoped, "limit": 1}}),
        ("GET", "/v1/memories", {"params": {**scoped, "cursor": word("cursor")}}),
        ("GET", "/v1/memories", {"params": {**scoped, "filters": f'{{"k":"{word("filter")}"}}'}}),
        ("GET", "/v1/memories", {"params": {**scoped, "filters": f'{{"k":"{word("filter")}'}}),
        ("GET", path, {"params": scoped}),
        ("PATCH", path, {"json": {**scoped, "content": word("content")}}),
        ("GET", f"{path}/history", {"params": scoped}),
        ("DELETE", path, {"params": scoped}),
        ("POST", f"{session}/messages", {"json": {**scoped, "message": {"role": "user", "content": word("message")}}}),
        ("PUT", f"{session}/system", {"json": {**scoped, "content": word("prompt")}}),
        ("POST", f"{session}/search", {"json": {**scoped, "query": word("query")}}),
        ("GET", f"{session}/messages", {"params": {**scoped, "since": "x"}}),
        ("PUT", f"{run}/checkpoints/{word('checkpoint')}", {"json": {**scoped, "state": {"s": word("state")}, "tags": [word("tag")]}}),
        ("GET", f"{run}/checkpoints", {"params": scoped}),
        ("GET", f"/v1/{word('path')}", {}),
        ("GET", "/v1/memories", {"params": scoped, "headers": {"Authorization": f"Bearer {KEYS[2].text}"}}),
        ("GET", "/v1/memories", {"params": scoped, "headers": {"Authorization": f"Bearer {word('credential')}"}}),
        ("GET", "/v1/memories", {"params": scoped, "headers": {"X-Memory-Route": word("route"), "Authorization": ""}}),
        ("DELETE", "/v1/memories", {"params": {**scoped, "nonsense": word("parameter")}}),
    ]  # fmt: skip


def others(user: Mapping[str, str]) -> list[tuple[str, str, dict[str, Any]]]:
    """What another tenant may ask for, in the same names."""
    return [
        ("GET", "/v1/memories", {"params": user}),
        ("GET", "/v1/memories/x", {"params": user}),
        ("POST", "/v1/memories/search", {"json": {**user, "query": "user content message"}}),
        ("GET", "/v1/sessions", {"params": user}),
        ("GET", "/v1/checkpoints", {"params": user}),
        ("GET", "/v1/memories", {"params": {"nonsense": "1"}}),
    ]


def leaks(text: str) -> list[str]:
    """The lines that hold what they must not."""
    wanted = [MARK, *(key.text for key in KEYS), *(key.text.split("_")[2] for key in KEYS)]
    return [line for line in text.splitlines() if any(each in line for each in wanted)]


def test_nothing_of_clients_or_credentials_is_told_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "gateway.yaml").write_text(CONFIG)
    with process(tmp_path / "gateway.yaml", "--log-level", "debug") as server:
        with httpx.Client(base_url=server.url, timeout=30) as http:
            statuses: list[int] = []
            for method, path, more in mixed():
                headers = {"Authorization": f"Bearer {KEYS[0].text}", **more.pop("headers", {})}
                reply = http.request(method, path, headers=headers, **more)
                statuses.append(reply.status_code)
                assert SECRETS["KEY_CANARY"] not in reply.text and SECRETS["CURSOR_CANARY"] not in reply.text
            other = {"Authorization": f"Bearer {KEYS[1].text}"}
            user = {"user_id": word("user")}
            told = {
                "metrics": http.get("/metrics").text,
                "live": http.get("/health/live").text,
                "ready": http.get("/health/ready").text,
                "openapi": http.get("/schema/openapi.json").text,
                "another tenant": "".join(
                    http.request(method, path, headers=other, **more).text for method, path, more in others(user)
                ),
            }
        server.stop()
        told["logs"] = server.errors()
    assert len([each for each in statuses if each < 300]) > 8
    assert len({each for each in statuses if each >= 400}) >= 5
    assert told["logs"].count('"event":"request"') >= len(statuses) - 1
    found = {name: leaks(text) for name, text in told.items()}
    figure(
        f"secrets: {len(statuses)} requests full of canaries ({len([s for s in statuses if s >= 400])} refused), "
        f"{sum(map(len, told.values()))} characters of logs, metrics, health, OpenAPI and another tenant's replies: "
        f"{sum(map(len, found.values()))} hits"
    )
    assert {name: lines for name, lines in found.items() if lines} == {}


async def test_a_face_that_logged_users_would_be_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def talkative(*asked: Any) -> Any:
        logging.getLogger("gateway.http").debug("asked %s", asked[-1])
        return await perform(*asked)

    monkeypatch.setattr(exchange, "perform", talkative)
    body: Mapping[str, str] = {"user_id": word("user"), "content": word("content")}
    with caplog.at_level(logging.DEBUG):
        async with gateway(tmp_path) as served:
            await served.post("/v1/memories", body)
    assert leaks(caplog.text)
