"""A chain with every role in YAML, through a whole gateway: what each step is for happens, and they agree in the end."""

import asyncio
from pathlib import Path
from typing import Any

from gateway.chain.guarded import State
from gateway.testing.making import everything, scanned
from tests.gateways import Gateway, gateway

TEXT = """
version: 1
providers:
  main: {type: memory, guard: {timeout: 200ms, failures: 3, open_for: 100ms, max_open_for: 100ms}}
  standby: {type: memory}
  copy: {type: sqlite, path: data/copy.db}
  old: {type: memory}
  next: {type: memory}
  quick: {type: memory}
chains:
  all:
    - {provider: main, timeout: 150ms}
    - {provider: standby, role: failover}
    - {provider: copy, role: mirror, ack: all}
    - {provider: old, role: reader}
    - {provider: next, role: shadow, sample: 1}
    - {provider: quick, role: cache, ttl: 1m}
tenants:
  default:
    auth: {mode: open}
    routes: {all: {default: true, chain: all}}
"""


async def held(made: Gateway, name: str) -> dict[str, str]:
    """Whatever its guard thinks of it."""
    instances = made.helm.running.means.instances
    backend: Any = instances.guards()[name].inner if name == "main" else dict(instances.live())[name]
    return {record.id: record.text for record in await scanned(backend, everything("default"))}


async def same(made: Gateway, wanted: dict[str, str]) -> None:
    """All that keep the records come to these."""
    async with asyncio.timeout(20):
        for name in ("main", "standby", "copy", "next"):
            while await held(made, name) != wanted:  # noqa: ASYNC110 - deliveries tell nobody
                await asyncio.sleep(0.05)


async def add(made: Gateway, content: str) -> str:
    reply = await made.post("/v1/memories", {"user_id": "u", "content": content})
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def test_every_step_does_its_part_and_a_primary_that_was_away_catches_up(tmp_path: Path) -> None:
    async with gateway(tmp_path, TEXT) as made:
        first = await add(made, "likes tea")
        assert await held(made, "copy") == {first: "likes tea"}, "this mirror is waited for"
        assert set(await held(made, "quick")) == {first}
        await same(made, {first: "likes tea"})

        links = made.helm.running.means.meters.links
        for _ in range(2):
            assert (await made.get(f"/v1/memories/{first}", params={"user_id": "u"})).json()["content"] == "likes tea"
        assert links["quick", "hit"] >= 2 and not links.get(("standby", "moved"))

        guard = made.helm.running.means.instances.guards()["main"]
        guard.stand_in = _Silent()  # type: ignore[assignment]  # it never answers
        second = await add(made, "likes coffee")
        assert (await made.http.delete(f"/v1/memories/{first}", params={"user_id": "u"})).status_code in (200, 204)
        for _ in range(3):
            found = (await made.get("/v1/memories", params={"user_id": "u"})).json()["memories"]
            assert [each["id"] for each in found] == [second]
        assert links["main", "moved"] >= 3 and guard.state is not State.CLOSED, "its step gave up, and its guard knows"
        assert first in await held(made, "main")
        guard.stand_in = None
        await same(made, {second: "likes coffee"})
        assert (await made.get(f"/v1/memories/{first}", params={"user_id": "u"})).status_code == 404
        assert links.get(("next", "shadow_failed"), 0) == 0


class _Silent:
    def __getattr__(self, _verb: str) -> Any:
        async def never(*_: Any, **__: Any) -> None:
            await asyncio.Event().wait()

        return never
