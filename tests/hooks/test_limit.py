"""Sizes, rates and quotas, counted alone and together."""

import asyncio
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.hooks.limit.counting import Asked, Rules
from gateway.hooks.limit.shared import Shared
from tests.gateways import Gateway, gateway
from tests.hooks.test_rules import add, config
from tests.servers import Absent
from tests.servers.redis import Server, started, valkey_binary


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    try:
        with started(valkey_binary(), tmp_path_factory.mktemp("valkey")) as server:
            yield server
    except Absent as error:
        pytest.skip(str(error))


async def codes(made: Gateway, count: int, user: str = "ada") -> list[str]:
    return [(await add(made, f"tea {n}", user)).get("code", "") for n in range(count)]


async def test_a_bucket_empties_says_when_to_come_back_and_fills_again(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: limit, by: user, rate: 3, per: 1h")) as made:
        assert await codes(made, 4) == ["", "", "", "rate_limited"]
        told = await made.post("/v1/memories", {"content": "x", "user_id": "ada"})
        assert told.status_code == 429
        assert (told.headers["x-ratelimit-limit"], told.headers["x-ratelimit-remaining"]) == ("3", "0")
        assert 1100 < int(told.headers["retry-after"]) <= 1200 and 3500 < int(told.headers["x-ratelimit-reset"]) <= 3600
        assert await codes(made, 1, "bob") == [""]  # has a share of his own
        made.clock.forward(seconds=1201)
        assert await codes(made, 2) == ["", "rate_limited"]
        assert (await made.get("/v1/memories?user_id=ada")).status_code == 200  # reads are not asked about


async def test_reads_can_be_counted_and_a_tenant_is_one(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: limit, rate: 2, per: 1h, on: [add, search]")) as made:
        assert await codes(made, 1, "ada") == [""]
        assert (await made.post("/v1/memories/search", {"query": "tea", "user_id": "bob"})).status_code == 200
        assert (await made.post("/v1/memories/search", {"query": "tea", "user_id": "eve"})).status_code == 429


async def test_a_day_has_a_quota_of_records_and_bytes(tmp_path: Path) -> None:
    for quota in ("records_per_day: 2", "bytes_per_day: 10B"):
        home = tmp_path / quota[:5]
        home.mkdir()
        async with gateway(home, config(f"type: limit, by: key, {quota}")) as made:
            assert await codes(made, 3) == ["", "", "quota_used"]
            told = await made.post("/v1/memories", {"content": "12345", "user_id": "ada"})
            assert 0 < int(told.headers["retry-after"]) <= 86_400 and told.headers["x-ratelimit-remaining"] == "0"
            made.clock.forward(days=1)
            assert await codes(made, 1) == [""]


async def test_an_item_has_a_size_and_a_batch_tells_each_apart(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: limit, size: 20B, rate: 3, per: 1h")) as made:
        told = await made.post("/v1/memories", {"content": "x" * 21, "user_id": "ada"})
        assert (told.status_code, told.json()["code"]) == (413, "content_too_large")
        assert (await add(made, "x", metadata={"k": "x" * 20}))["code"] == "content_too_large"
        items = [{"content": f"tea {n}"} for n in range(4)]
        told = (await made.post("/v1/memories/batch", {"user_id": "ada", "memories": items})).json()["results"]
        assert [each.get("code", "") for each in told] == ["", "", "", "rate_limited"]


async def test_two_gateways_count_together_in_a_redis_and_apart_without(tmp_path: Path, valkey: Server) -> None:
    for url, most in ((f", url: '{valkey.url}', prefix: 'a:'", 5), ("", 10)):
        text = config(f"type: limit, rate: 5, per: 1h{url}")
        homes = [tmp_path / f"{most}-{n}" for n in range(2)]
        for home in homes:
            home.mkdir()
        async with gateway(homes[0], text) as one, gateway(homes[1], text) as two:
            told = await asyncio.gather(*(codes(each, 8) for each in (one, two)))
            assert [*told[0], *told[1]].count("") == most


async def test_at_the_same_moment_nobody_gets_more_than_there_is(valkey: Server) -> None:
    rules = Rules(rate=1000, burst=1000, records=50, bytes=1_000_000)
    async with AsyncExitStack() as stack:
        made = [Shared(valkey.url, "b:", "it") for _ in range(2)]
        for each in made:
            await each.open(stack)
        asked = Asked(records=1, bytes=10)
        took = await asyncio.gather(*(made[n % 2].take("ada", rules, asked) for n in range(200)))
        assert took.count(None) == 50
        refused = next(each for each in took if each is not None)
        assert (refused.what, refused.limit, refused.remaining) == ("records", 50, 0)


async def test_when_the_redis_is_away_it_is_refused_or_goes_on_as_is_written(tmp_path: Path) -> None:
    with started(valkey_binary(), tmp_path / "valkey") as server:
        for way, status in (("", 503), (", on_failure: proceed", 201)):
            home = tmp_path / str(status)
            home.mkdir()
            async with gateway(home, config(f"type: limit, rate: 9, per: 1h, url: '{server.url}'{way}")) as made:
                assert await codes(made, 1) == [""]
                server.kill()
                told = await made.post("/v1/memories", {"content": "x", "user_id": "ada"})
                assert told.status_code == status, told.text
                assert status == 201 or told.json()["code"] == "hook_failed"
                server.start()
                assert await codes(made, 1) == [""]
