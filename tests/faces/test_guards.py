"""A backend that hangs, as callers and operators see it: an error in time, then at once, the metrics, and the way back."""

import asyncio
import time
from pathlib import Path

from tests.gateways import gateway
from tests.promises.erratic import Yard, with_erratic

TEXT = """
version: 1
providers:
  sick: {{type: erratic, slow: {slow}, guard: {{timeout: 100ms, failures: 3, open_for: 300ms, retry: false}}}}
  well: {{type: memory}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      sick: {{chain: sick}}
      well: {{default: true, chain: well}}
"""


async def test_a_backend_that_hangs_fails_in_time_then_at_once_and_comes_back(tmp_path: Path) -> None:
    async with gateway(tmp_path, TEXT.format(slow=5), catalog=with_erratic(Yard())) as served:

        async def asked(route: str) -> tuple[int, str, float]:
            began = time.perf_counter()
            reply = await served.get("/v1/memories?user_id=u", headers={"X-Memory-Route": route})
            return reply.status_code, reply.json().get("code", ""), time.perf_counter() - began

        for _ in range(3):
            status, code, took = await asked("sick")
            assert (status, code) == (504, "provider_timeout")
            assert took < 2
        reply = await served.get("/v1/memories?user_id=u", headers={"X-Memory-Route": "sick"})
        assert (reply.status_code, reply.json()["code"]) == (503, "breaker_open")
        assert int(reply.headers["Retry-After"]) >= 1
        assert (await asked("well"))[0] == 200
        metrics = (await served.get("/metrics")).text
        assert 'gateway_provider_breaker_open{provider="sick"} 1.0' in metrics
        assert 'gateway_provider_guard_total{provider="sick",what="opened"} 1.0' in metrics
        assert (await served.get("/health/ready")).status_code == 200
        (tmp_path / "gateway.yaml").write_text(TEXT.format(slow=0))
        assert (await served.post("/admin/reload")).status_code == 200
        assert (await asked("sick"))[0] == 200


async def test_its_state_outlives_a_reload_that_does_not_concern_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, TEXT.format(slow=5), catalog=with_erratic(Yard())) as served:

        async def asked() -> str:
            reply = await served.get("/v1/memories?user_id=u", headers={"X-Memory-Route": "sick"})
            return str(reply.json()["code"])

        assert [await asked() for _ in range(4)] == ["provider_timeout"] * 3 + ["breaker_open"]
        (tmp_path / "gateway.yaml").write_text(TEXT.format(slow=5) + "      more: {chain: well}\n")
        assert (await served.post("/admin/reload")).status_code == 200
        assert await asked() == "breaker_open"
        await asyncio.sleep(0.35)
        assert [await asked(), await asked()] == ["provider_timeout", "breaker_open"]
