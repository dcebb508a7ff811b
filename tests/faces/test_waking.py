"""A backend that is away when the gateway starts: its routes say so, the others serve, and it is found when it comes."""

import asyncio
from pathlib import Path

import pytest

from tests.gateways import gateway
from tests.servers import free_port
from tests.servers.redis import Server, valkey_binary

TEXT = """
version: 1
providers:
  hot: {{type: redis, url: "redis://127.0.0.1:{port}/0", connect_timeout: 500ms{required}}}
  main: {{type: memory}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      hot: {{chain: hot}}
      main: {{default: true, chain: main}}
"""
HOT = {"X-Memory-Route": "hot"}


async def test_it_is_waited_for_and_found_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    async with gateway(tmp_path, TEXT.format(port=port, required="")) as served:
        body = {"user_id": "u", "content": "tea"}
        away = await served.post("/v1/memories", body, headers=HOT)
        assert (away.status_code, away.json()["code"]) == (503, "not_there_yet")
        assert (await served.post("/v1/memories", body)).status_code == 201
        assert (await served.get("/health/ready")).status_code == 200
        assert 'gateway_provider_up{provider="hot"} 0.0' in (await served.get("/metrics")).text
        server = Server(valkey_binary(), tmp_path / "redis", port=port)
        await asyncio.to_thread(server.start)
        try:
            reply = away
            for _ in range(200):
                reply = await served.post("/v1/memories", body, headers=HOT)
                if reply.status_code == 201:
                    break
                await asyncio.sleep(0.05)
            assert reply.status_code == 201
            assert 'gateway_provider_up{provider="hot"} 1.0' in (await served.get("/metrics")).text
        finally:
            server.stop()


async def test_what_is_required_is_not_waited_for(tmp_path: Path) -> None:
    starting = gateway(tmp_path, TEXT.format(port=free_port(), required=", required: true"))
    with pytest.raises(BaseExceptionGroup) as told:
        await starting.__aenter__()
    assert told.group_contains(Exception, match="does not open")
