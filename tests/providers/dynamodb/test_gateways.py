"""Whole gateways over one table: processes of their own that append side by side, and sessions as the services keep them."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways import gateway, process

CONFIG = """
version: 1
providers:
  main: {{type: dynamodb, table_name: {table}, endpoint_url: "{url}", region: eu-central-1, timeout: 60s{layout}}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      chat: {{default: true, kinds: [message], chain: main, scope: user}}
"""
FENCE = ', layout: fence, primary_key_value: "user_{user_id}", sort_key_value_prefix: chat, tenant: default'
EACH = 12


@pytest.fixture
def configured(
    request: pytest.FixtureRequest, server: Mapping[str, str], table: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Credentials come from where AWS's own tools look for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return CONFIG.format(table=table, url=server["endpoint_url"], layout=request.param)


both = pytest.mark.parametrize("configured", ["", FENCE], ids=["own", "fence"], indirect=True)


@both
async def test_two_gateways_interleave_and_lose_nothing(configured: str, tmp_path: Path) -> None:
    """The history is over 1 MB, which is more than DynamoDB gives in one reply."""
    files = [tmp_path / name / "gateway.yaml" for name in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text(configured)
    with ExitStack() as stack:
        gateways = [await asyncio.to_thread(stack.enter_context, process(file)) for file in files]

        async def append(number: int) -> None:
            async with httpx.AsyncClient(base_url=gateways[number].url, timeout=60) as http:
                for n in range(EACH):
                    message = {"role": "user", "content": f"{number}:{n} " + "x" * 60_000}
                    body = {"user_id": "ann", "messages": [message]}
                    got = await http.post("/v1/sessions/s1/messages", json=body)
                    assert got.status_code == 201, got.text

        await asyncio.gather(append(0), append(1))
        seen: list[list[str]] = []
        for each in gateways:
            async with httpx.AsyncClient(base_url=each.url, timeout=60) as http:
                seen.append(await _history(http))
    assert seen[0] == seen[1]
    assert sum(map(len, seen[0])) > 1_400_000
    heads = [each.split(" ")[0] for each in seen[0]]
    for number in (0, 1):
        assert [head for head in heads if head.startswith(f"{number}:")] == [f"{number}:{n}" for n in range(EACH)]
    assert len({head[0] for head in heads[: EACH + 1]}) == 2, "one went before the other, so nothing was interleaved"


async def _history(http: httpx.AsyncClient) -> list[str]:
    found: list[str] = []
    asked: dict[str, Any] = {"user_id": "ann", "limit": 5}
    while True:
        page = (await http.get("/v1/sessions/s1/messages", params=asked)).json()
        found = [each["content"] for each in page["messages"]] + found
        if page["cursor"] is None:
            return found
        asked["cursor"] = page["cursor"]


@both
async def test_a_session_lives_as_on_any_other_backend(configured: str, tmp_path: Path) -> None:
    async with gateway(tmp_path, configured) as served:
        where = {"user_id": "ann"}
        put = await served.http.put("/v1/sessions/s1/system", json={**where, "content": "be kind"})
        assert put.status_code == 200, put.text
        tool = {
            "role": "assistant",
            "content": [{"type": "toolUse", "content": {"input": {"a": 1.5}}}],
            "metadata": {"k": 0.1},
        }
        said = [{"role": "user", "content": "hello"}, tool]
        for run in ("s1", "s12"):
            got = await served.post(f"/v1/sessions/{run}/messages", {**where, "messages": said})
            assert got.status_code == 201, got.text
    async with gateway(tmp_path, configured) as served:  # started again
        window = (await served.get("/v1/sessions/s1/context", params=where)).json()["messages"]
        assert [each["content"] for each in window] == ["be kind", "hello", tool["content"]]
        assert window[2]["metadata"] == {"k": 0.1}
        assert (await served.get("/v1/sessions/s1/messages", params={"user_id": "bob"})).json()["messages"] == []
        cleared = await served.http.delete("/v1/sessions/s1/messages", params=where)
        assert cleared.json()["deleted"] == 2
        assert (await served.get("/v1/sessions/s1/system", params=where)).status_code == 200
        assert (await served.http.delete("/v1/sessions/s1", params=where)).status_code == 200
        assert (await served.get("/v1/sessions/s1/system", params=where)).status_code == 404
        left = (await served.get("/v1/sessions/s12/messages", params=where)).json()["messages"]
        assert [each["content"] for each in left] == ["hello", tool["content"]]


def test_the_driver_is_imported_by_opening_alone() -> None:
    script = (
        "import sys, gateway.providers.dynamodb as d; d.Dynamodb.capabilities(d.Dynamodb.Options(table='t'));"
        "sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
