"""No operation holds the event loop for long: a probe beside each measures how late it wakes."""

import gc
import time
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.faces.http import exchange
from gateway.services.call import perform
from gateway.testing.lag import LAG, lag
from tests.gateways import MEMORY, SQLITE, Gateway, gateway


class Heavy:
    """The heaviest requests, over scopes of a thousand records. Each takes the number of the attempt."""

    def __init__(self, served: Gateway) -> None:
        self._served = served

    def all(self) -> dict[str, Callable[[int], Awaitable[Any]]]:
        strategies = ("all", "hybrid", "lexical", "recent", "semantic")
        return {
            **{f"search {name}, cold": partial(self.search, name, True) for name in strategies},
            **{f"search {name}, warm": partial(self.search, name, False) for name in strategies},
            "add 100": self.add_batch, "add 100 of 50 kB": self.add_large_batch, "add 1 MB": self.add_large,
            "add 10,000 messages": self.add_structured, "list": self.list_all, "list filtered": self.list_filtered,
            "context": self.context, "delete some": self.delete_some, "delete 1,000": self.delete_all,
            "checkpoint": self.checkpoint, "session": self.session, "metrics": self.metrics,
        }  # fmt: skip

    async def send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        # The client shares the loop with the server here, so it works as little as it can.
        content = None if body is None else msgspec.json.encode(body)
        reply = await self._served.http.request(method, path, content=content, params=params or None)
        assert reply.status_code < 300, reply.text[:300]
        return reply

    async def search(self, strategy: str, cold: bool, _: int) -> None:
        if cold:  # a write makes what is kept of the scope stale
            await self.send("POST", "/v1/memories", {"user_id": "u", "content": "another note about tea"})
        asked = {"user_id": "u", "query": "tea in the garden", "strategy": strategy, "top_k": 100, "explain": True}
        await self.send("POST", "/v1/memories/search", asked)

    async def add_batch(self, n: int) -> None:
        await self.send("POST", "/v1/memories/batch", {"user_id": f"b{n}", "memories": notes(100)})

    async def add_large_batch(self, n: int) -> None:
        large = [{"content": "tea " * 12_500, "metadata": {"n": k}} for k in range(100)]
        await self.send("POST", "/v1/memories/batch", {"user_id": f"l{n}", "memories": large})

    async def add_large(self, n: int) -> None:
        await self.send("POST", "/v1/memories", {"user_id": f"l{n}", "content": "tea " * 250_000})

    async def add_structured(self, n: int) -> None:
        content = [{"role": "user", "content": f"tea {k}", "parts": [k, {"a": [k]}]} for k in range(10_000)]
        await self.send("POST", "/v1/memories", {"user_id": f"s{n}", "content": content})

    async def list_all(self, _: int) -> None:
        reply = await self.send("GET", "/v1/memories", user_id="u", limit=200)
        assert reply.content.count(b'"id"') == 200

    async def list_filtered(self, _: int) -> None:
        filters = '{"OR":[{"n":{"gt":990}},{"tags":{"icontains":"NOTHING"}}]}'
        await self.send("GET", "/v1/memories", user_id="u", filters=filters)

    async def context(self, _: int) -> None:
        await self.send("POST", "/v1/context", {"user_id": "u", "query": "tea", "top_k": 100, "max_tokens": 100_000})

    async def delete_all(self, n: int) -> None:
        for _ in range(10):
            await self.send("POST", "/v1/memories/batch", {"user_id": f"d{n}", "memories": notes(100)})
        assert (await self.send("DELETE", "/v1/memories", user_id=f"d{n}")).json() == {"deleted": 1_000}

    async def delete_some(self, n: int) -> None:
        await self.send("DELETE", "/v1/memories", user_id="u", filters=f'{{"n":{{"lt":{5 * n + 5}}}}}')

    async def checkpoint(self, n: int) -> None:
        state = {"items": [{"k": k, "text": "tea " * 10} for k in range(12_000)]}
        await self.send("PUT", f"/v1/runs/r/checkpoints/c{n}", {"user_id": "u", "state": state})

    async def session(self, n: int) -> None:
        messages = [{"role": "user", "content": f"tea {k}"} for k in range(100)]
        for _ in range(5):
            await self.send("POST", f"/v1/sessions/s{n}/messages", {"user_id": "u", "messages": messages})
        await self.send("GET", f"/v1/sessions/s{n}/context", user_id="u", max_tokens=100_000)
        await self.send("DELETE", f"/v1/sessions/s{n}", user_id="u")

    async def metrics(self, _: int) -> None:
        await self.send("GET", "/metrics")


def notes(number: int) -> list[dict[str, Any]]:
    return [
        {
            "content": f"note {n} about tea in the garden and the {n % 37} trains",
            "metadata": {"n": n, "tags": ["a", "b"]},
        }
        for n in range(number)
    ]


def settle() -> None:
    """As a worker does when it has started: the garbage collector need not go through what is there by now."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_heap() -> Generator[None]:
    """What the test run itself holds is no server's."""
    settle()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("config", [MEMORY, SQLITE], ids=["memory", "sqlite"])
async def test_no_operation_holds_the_loop(config: str, tmp_path: Path, figure: Callable[[str], None]) -> None:
    async with gateway(tmp_path, config) as served:
        for _ in range(10):
            await served.post("/v1/memories/batch", {"user_id": "u", "memories": notes(100)})
        settle()
        found = {name: await lag(act) for name, act in Heavy(served).all().items()}
    worst = sorted(found, key=found.__getitem__)[-3:][::-1]
    told = ", ".join(f"{name} {1000 * found[name]:.0f} ms" for name in worst)
    figure(f"loop lag over {len(found)} operations ({'memory' if config is MEMORY else 'sqlite'}): at worst {told}")
    assert {name: seconds for name, seconds in found.items() if seconds > LAG} == {}


async def test_an_operation_that_holds_the_loop_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*asked: Any) -> Any:
        time.sleep(2 * LAG)  # noqa: ASYNC251 - this is the fault
        return await perform(*asked)

    monkeypatch.setattr(exchange, "perform", slow)
    async with gateway(tmp_path, MEMORY) as served:
        assert await lag(Heavy(served).add_batch) > LAG
