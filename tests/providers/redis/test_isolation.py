"""Nobody meets anybody in Redis, whatever their ids are made of."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.scope import Reach, Scope
from gateway.testing.making import Maker, scanned
from tests.gateways import gateway
from tests.promises.doors import Inside
from tests.promises.insides import insides
from tests.promises.intruder import Intruder
from tests.promises.sizes import operations
from tests.promises.tenancy import configuration, members
from tests.providers.redis.conftest import Opened

SEED = 3_101
IDS = (":", "*", "?", "[", "{}", "a:b", "[a-z]", "{a}", "}", "{", "h?llo", "\\", "ann", "an", "ann:", "*:*")


async def test_tenants_never_meet(url: str, prefix: str, tmp_path: Path, figure: Callable[[str], None]) -> None:
    everyone = members(20, random.Random(SEED))
    provider = f"type: redis, url: '{url}', prefix: '{prefix}'"
    async with insides(tmp_path, configuration(everyone, provider)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(operations(2_000))
    figure(
        f"{len(intruder.crossings)} crossings in {intruder.done.total()} operations by 20 tenants (redis, seed {SEED})"
    )
    assert intruder.crossings == []
    assert intruder.mistakes == []
    assert inside.meters.breaches == {}
    assert intruder.done.total() >= operations(2_000)


async def test_users_named_like_patterns_list_only_what_is_theirs(
    url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    text = f"""
version: 1
providers:
  main: {{type: redis, url: "${{env:REDIS_URL}}", prefix: "{prefix}"}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message], chain: main}}
"""
    async with gateway(tmp_path, text) as served:
        for user in IDS:
            made = await served.post("/v1/memories", {"user_id": user, "content": f"of {user}"})
            assert made.status_code == 201
        for user in IDS:
            listed = (await served.get("/v1/memories", params={"user_id": user})).json()["memories"]
            assert [each["content"] for each in listed] == [f"of {user}"]
            found = (await served.post("/v1/memories/search", {"user_id": user, "query": "of"})).json()["results"]
            assert {each["content"] for each in found} <= {f"of {user}"}


async def test_one_hash_tag_holds_all_of_a_scope_and_no_id_can_bring_its_own(
    opened: Opened, make: Maker, keys: Any
) -> None:
    records = [make.record(id_, Scope(make.tenant, id_, id_, id_, id_), id=id_) for id_ in IDS]
    async with opened() as provider:
        assert all(await provider.put(records))
        for record in records:
            assert await scanned(provider, Reach.only(record.scope)) == [record]
        tags = {key[key.index("{") : key.index("}") + 1] for key in await keys()}
        assert len(tags) == len(IDS) + 1  # one for each scope, and the tenant's
