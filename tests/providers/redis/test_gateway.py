"""A whole gateway on Redis: what its YAML says happens, over HTTP and across restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateways import Gateway, gateway

Keys = Callable[[], Awaitable[list[str]]]
Text = Callable[..., str]

SPLIT = """
version: 1
providers:
  long: {{type: sqlite, path: data/long.db}}
  short: {{type: redis, url: "${{env:REDIS_URL}}", prefix: "{prefix}"{more}}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      notes: {{default: true, chain: long}}
      chat: {{default: true, kinds: [message], chain: short}}
"""
WHOLE = """
version: 1
providers:
  main: {{type: redis, url: "${{env:REDIS_URL}}", prefix: "{prefix}"{more}}}
tenants:
  default:
    auth: {{mode: open}}
    chain: main
    routes:
      notes: {{default: true}}
      chat: {{default: true, kinds: [message]}}
      runs: {{default: true, kinds: [checkpoint]}}
"""


@pytest.fixture
def text(url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Text:
    monkeypatch.setenv("REDIS_URL", url)

    def made(shape: str = WHOLE, more: str = "", prefix: str = prefix) -> str:
        return shape.format(prefix=prefix, more=more)

    return made


async def say(served: Gateway, content: str, session: str = "s1") -> None:
    body = {"user_id": "u", "message": {"role": "user", "content": content}}
    assert (await served.post(f"/v1/sessions/{session}/messages", body)).status_code == 201


async def heard(served: Gateway, session: str = "s1") -> list[str]:
    reply = await served.get(f"/v1/sessions/{session}/messages", params={"user_id": "u"})
    assert reply.status_code == 200
    return [each["content"] for each in reply.json()["messages"]]


async def noted(served: Gateway) -> list[str]:
    listed = (await served.get("/v1/memories", params={"user_id": "u"})).json()["memories"]
    return [each["content"] for each in listed]


async def found(served: Gateway, query: str, **more: Any) -> list[str]:
    reply = await served.post("/v1/memories/search", {"user_id": "u", "query": query, **more})
    assert reply.status_code == 200, reply.text
    return [each["content"] for each in reply.json()["results"]]


async def test_what_one_client_says_another_reads_after_a_restart(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text()) as first:
        await say(first, "before")
        await first.http.put("/v1/sessions/s1/system", json={"user_id": "u", "content": "be kind"})
        await first.http.put("/v1/runs/r1/checkpoints/c1", json={"user_id": "u", "state": {"step": 1}})
    async with gateway(tmp_path, text()) as second:
        assert await heard(second) == ["before"]
        await say(second, "after")
        assert await heard(second) == ["before", "after"]
        window = (await second.get("/v1/sessions/s1/context", params={"user_id": "u"})).json()["messages"]
        assert [each["role"] for each in window] == ["system", "user", "user"]
        latest = await second.get("/v1/runs/r1/checkpoints/latest", params={"user_id": "u"})
        assert latest.json()["state"] == {"step": 1}


async def test_two_gateways_on_one_redis_see_the_same_at_once(tmp_path: Path, text: Text) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with gateway(tmp_path / "a", text()) as first, gateway(tmp_path / "b", text()) as second:
        for n in range(4):
            await say((first, second)[n % 2], str(n))
        assert await heard(first) == await heard(second) == ["0", "1", "2", "3"]
        await first.post("/v1/memories", {"user_id": "u", "content": "likes tea"})
        assert await found(second, "tea") == ["likes tea"]
        await second.post("/v1/memories", {"user_id": "u", "content": "likes tea with milk"})
        assert set(await found(first, "tea")) == {"likes tea", "likes tea with milk"}


async def test_url_prefix_and_ttl_of_the_yaml_are_honoured(tmp_path: Path, text: Text, raw: Any, keys: Keys) -> None:
    async with gateway(tmp_path, text(SPLIT, ", ttl_seconds: 3600")) as served:
        await say(served, "first")
        (messages,) = [each for each in await keys() if each.endswith("}:messages")]
        assert 3_590 < await raw.ttl(messages) <= 3_600
        await raw.expire(messages, 60)
        await say(served, "second")
        assert 3_590 < await raw.ttl(messages) <= 3_600
        assert await heard(served) == ["first", "second"]


async def test_hours_and_a_number_of_messages_are_honoured(tmp_path: Path, text: Text, raw: Any, keys: Keys) -> None:
    async with gateway(tmp_path, text(SPLIT, ", ttl_hours: 24, max_messages: 50")) as served:
        for n in range(1, 61):
            await say(served, f"#{n}")
        assert await heard(served) == [f"#{n}" for n in range(11, 61)]
        (messages,) = [each for each in await keys() if each.endswith("}:messages")]
        assert 86_390 < await raw.ttl(messages) <= 86_400


async def test_messages_said_at_once_are_all_kept(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text(SPLIT, ", max_messages: 50")) as served:
        await asyncio.gather(*(say(served, str(n)) for n in range(50)))
        assert sorted(map(int, await heard(served))) == list(range(50))


async def test_a_session_that_ended_leaves_long_term_memory_alone(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text(SPLIT, ", ttl_seconds: 3600")) as served:
        await served.post("/v1/memories", {"user_id": "u", "content": "likes tea"})
        await say(served, "hello")
        await say(served, "hello", "s2")
        cleared = await served.http.delete("/v1/sessions/s2/messages", params={"user_id": "u"})
        assert cleared.json() == {"deleted": 1}
        assert (await heard(served, "s2"), await heard(served), await noted(served)) == ([], ["hello"], ["likes tea"])
        served.clock.forward(seconds=3600)
        assert await heard(served) == []
        assert (await noted(served), await found(served, "tea")) == (["likes tea"], ["likes tea"])


async def test_with_a_ttl_of_one_second_a_memory_is_gone_from_get_list_and_search(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text(more=", ttl_seconds: 1")) as served:
        made = (await served.post("/v1/memories", {"user_id": "u", "content": "likes tea"})).json()
        assert (await noted(served), await found(served, "tea")) == (["likes tea"], ["likes tea"])
        await asyncio.sleep(1.0)
        got = await served.get(f"/v1/memories/{made['id']}", params={"user_id": "u"})
        assert (got.status_code, await noted(served), await found(served, "tea")) == (404, [], [])


async def test_two_prefixes_in_one_redis_are_two_gateways(tmp_path: Path, text: Text, prefix: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with (
        gateway(tmp_path / "a", text()) as first,
        gateway(tmp_path / "b", text(prefix=prefix + "2:")) as second,
    ):
        await first.post("/v1/memories", {"user_id": "u", "content": "mine"})
        await say(first, "mine")
        assert (await noted(second), await heard(second)) == ([], [])
        assert (await noted(first), await heard(first)) == (["mine"], ["mine"])


@pytest.mark.parametrize("strategy", ["hybrid", "semantic", "lexical", "recent", "all"])
async def test_every_strategy_is_served_by_ranking_here_what_redis_cannot(
    strategy: str, tmp_path: Path, text: Text
) -> None:
    async with gateway(tmp_path, text()) as served:
        for content, topic in (("likes green tea", "food"), ("plays the violin", "music"), ("drinks tea", "food")):
            body = {"user_id": "u", "content": content, "metadata": {"topic": topic}}
            assert (await served.post("/v1/memories", body)).status_code == 201
        only = await found(served, "tea", strategy=strategy, filters={"topic": "food"})
        assert set(only) == {"likes green tea", "drinks tea"}


async def test_sessions_of_a_user_are_listed_without_those_of_others(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text()) as served:
        for n in range(5):
            await say(served, "hello", f"s{n}")
        body = {"user_id": "*", "message": {"role": "user", "content": "x"}}
        await served.post("/v1/sessions/other/messages", body)
        listed = (await served.get("/v1/sessions", params={"user_id": "u"})).json()["sessions"]
        assert [each["session_id"] for each in listed] == [f"s{n}" for n in (4, 3, 2, 1, 0)]
