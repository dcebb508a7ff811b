"""LangGraph's own suite for checkpointers, every capability of it, over a gateway on SQLite and on Redis."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate  # pyright: ignore[reportMissingTypeStubs]
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES  # pyright: ignore[reportMissingTypeStubs]
from langgraph.checkpoint.conformance.report import CapabilityReport  # pyright: ignore[reportMissingTypeStubs]

from gateway.client import AsyncGateway
from gateway.client.asks import runs
from gateway.client.frameworks.langgraph import GatewaySaver, rows
from gateway.client.frameworks.langgraph.asking import Place
from tests.gateways import QUICK, SQLITE, Gateway, gateway
from tests.servers import Absent, redis


def client_of(served: Gateway) -> AsyncGateway:
    transport = httpx.ASGITransport(app=served.app, raise_app_exceptions=False)
    return AsyncGateway("http://localhost", transport=transport, user_id="ann")


async def report(
    home: Path, text: str, kind: type[GatewaySaver] = GatewaySaver, only: set[str] | None = None
) -> CapabilityReport:
    async with gateway(home, text) as served, client_of(served) as client:

        @checkpointer_test(name=f"{kind.__name__} {home.name}")
        async def made() -> AsyncGenerator[GatewaySaver]:
            yield kind(client)

        return await validate(made, capabilities=only)


def failures(of: CapabilityReport) -> list[str]:
    return [failure for result in of.results.values() for failure in result.failures]


def check_whole(of: CapabilityReport) -> int:
    assert failures(of) == []
    assert {name for name, result in of.results.items() if result.passed} == {each.value for each in ALL_CAPABILITIES}
    return sum(result.tests_passed for result in of.results.values())


async def test_every_capability_passes_on_sqlite(tmp_path: Path) -> None:
    assert check_whole(await report(tmp_path, SQLITE)) >= 79


async def test_every_capability_passes_on_redis(tmp_path: Path) -> None:
    try:
        with redis.redis(tmp_path / "redis") as server:
            text = QUICK.format(provider=f"redis, url: '{server['url']}'")
            assert check_whole(await report(tmp_path, text)) >= 79
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


class OfOneNamespace(GatewaySaver):
    """Would have no namespaces within a thread, and forget whose run it was."""

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        place, saved = Place.of(config), await super().aput(config, checkpoint, metadata, new_versions)
        part: Any = self._doer._gateway.checkpoints  # pyright: ignore[reportPrivateUsage]
        found: Any = await part.send(runs.get(place.thread, place.name(checkpoint["id"])))
        await part.send(runs.put_named(place.thread, found.checkpoint_id, found.state, tags=[rows.OURS, "ns:root"]))
        return saved


async def test_the_suite_sees_a_checkpointer_that_mixes_namespaces_up(tmp_path: Path) -> None:
    seen = failures(await report(tmp_path, SQLITE, OfOneNamespace, {"get_tuple", "delete_for_runs"}))
    assert any("namespace" in failure for failure in seen)
    assert any("for_runs" in failure for failure in seen)
