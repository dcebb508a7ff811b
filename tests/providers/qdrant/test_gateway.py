"""A whole gateway on Qdrant: strategies, categories and sessions over HTTP, and a loop that goes on turning."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.runtime.probing import probe
from gateway.testing.lag import LAG, lag
from gateway.testing.making import Time
from tests.gateways import QUICK, Gateway, gateway
from tests.promises.test_lag import Heavy, notes, own_heap, settle
from tests.servers.qdrant import Server

from .conftest import Opened

__all__ = ["own_heap"]  # a fixture for every test here

STRATEGIES = ("all", "hybrid", "lexical", "recent", "semantic")


@pytest.fixture
def config(server: Server, collection: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("QDRANT_URL", server.url)
    return QUICK.format(provider=f"qdrant, url: '${{env:QDRANT_URL}}', collection: {collection}")


@pytest.fixture
async def served(config: str, tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path, config) as found:
        yield found


async def add(served: Gateway, content: str, **more: Any) -> str:
    made = await served.post("/v1/memories", {"user_id": "u", "content": content, **more})
    assert made.status_code == 201, made.text
    return made.json()["id"]


async def search(served: Gateway, query: str, **more: Any) -> list[dict[str, Any]]:
    found = await served.post("/v1/memories/search", {"user_id": "u", "query": query, **more})
    assert found.status_code == 200, found.text
    return found.json()["results"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_strategy_finds(strategy: str, served: Gateway) -> None:
    wanted = await add(served, "Ann drinks green tea in the garden")
    await add(served, "The train to Berlin leaves at nine")
    found = await search(served, "green tea", strategy=strategy)
    ids = [each["id"] for each in found]
    assert wanted in ids
    if strategy not in ("all", "recent"):
        assert ids[0] == wanted


async def test_categories_are_kept_filtered_and_found(served: Gateway) -> None:
    for n in range(6):
        await add(served, f"note {n} about tea", metadata={"category": "drink" if n % 2 else "food"})
    wanted = {"note 1 about tea", "note 3 about tea", "note 5 about tea"}
    filters = {"category": "drink"}
    for strategy in STRATEGIES:
        found = await search(served, "tea", strategy=strategy, filters=filters)
        assert {each["content"] for each in found} == wanted, strategy
    listed = await served.get("/v1/memories", params={"user_id": "u", "filters": '{"category": "drink"}'})
    assert {each["content"] for each in listed.json()["memories"]} == wanted


async def test_what_is_deleted_is_found_by_no_strategy(served: Gateway) -> None:
    gone = await add(served, "green tea")
    assert (await served.http.delete(f"/v1/memories/{gone}", params={"user_id": "u"})).json() == {"deleted": 1}
    for strategy in STRATEGIES:
        assert await search(served, "green tea", strategy=strategy) == []


async def test_the_probe_tells_both_sizes_at_the_provider_s_place(
    opened: Opened, config: str, tmp_path: Path, clock: Time, server: Server
) -> None:
    async with opened(8):
        pass
    (tmp_path / "gateway.yaml").write_text(config)
    compiled = compile_config(tmp_path / "gateway.yaml", {"QDRANT_URL": server.url}, Catalog.builtin())
    (note,) = await probe(compiled, clock, 10)
    assert note.code == "MG0803"
    assert "holds vectors of 8 numbers, and the embedder gives 256" in note.message
    assert note.mark.line == 4


async def test_no_operation_holds_the_loop(served: Gateway, figure: Callable[[str], None]) -> None:
    for _ in range(10):
        await served.post("/v1/memories/batch", {"user_id": "u", "memories": notes(100)})
    settle()
    found = {name: await lag(act) for name, act in Heavy(served).all().items()}
    worst = sorted(found, key=found.__getitem__)[-3:][::-1]
    told = ", ".join(f"{name} {1000 * found[name]:.0f} ms" for name in worst)
    figure(f"loop lag over {len(found)} operations (qdrant): at worst {told}")
    assert {name: seconds for name, seconds in found.items() if seconds > LAG} == {}
