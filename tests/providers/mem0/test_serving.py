"""A gateway in front of mem0: the few lines of YAML that it takes, and what its callers see."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.gateways import Gateway, gateway
from tests.servers.openai import mem0_block

HOSTED = """version: 1
providers: {{main: {{type: mem0, api_key: "${{env:TEST_MEM0_KEY}}", host: "{host}"}}}}
defaults: {{chain: main}}
tenants: {{default: {{auth: {{mode: open}}, routes: {{notes: {{default: true}}}}}}}}
"""


@pytest.fixture(params=["inside", "hosted"])
async def served(
    request: pytest.FixtureRequest, model: str, store: str, platform: Mapping[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Gateway]:  # fmt: skip
    account = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    monkeypatch.setenv("TEST_MEM0_KEY", platform["api_key"] + account)
    text = HOSTED.format(host=platform["url"])
    if request.param == "inside":
        config = yaml.safe_load(text)
        config["providers"]["main"] = {"type": "mem0", "config": mem0_block(model, f"{store}/q", "memories")}
        monkeypatch.setenv("TEST_MODEL_KEY", "sk-test-nobody")
        text = yaml.safe_dump(config).replace("sk-test-nobody", "${env:TEST_MODEL_KEY}")
    async with gateway(tmp_path, text) as made:
        yield made


async def test_a_few_lines_serve_adding_and_searching(served: Gateway) -> None:
    for text in ("Ann drinks green tea every morning", "Her bicycle has a flat tyre"):
        added = await served.post("/v1/memories", {"user_id": "ann", "content": text, "metadata": {"n": 1}})
        assert added.status_code == 201, added.text
    question = {"user_id": "ann", "query": "what beverage does she have at breakfast"}
    found = (await served.post("/v1/memories/search", question)).json()["results"]
    assert found[0]["content"] == "Ann drinks green tea every morning"
    assert (await served.post("/v1/memories/search", {**question, "user_id": "bob"})).json()["results"] == []


async def test_a_search_gives_ten_unless_it_is_told_otherwise(served: Gateway) -> None:
    many = [{"content": f"likes tea number {n}"} for n in range(60)]
    await served.post("/v1/memories/batch", {"user_id": "ann", "memories": many})
    asked = {"user_id": "ann", "query": "tea"}
    assert len((await served.post("/v1/memories/search", asked)).json()["results"]) == 10
    assert len((await served.post("/v1/memories/search", {**asked, "top_k": 25})).json()["results"]) == 25
    listed = await served.get("/v1/memories", params={"user_id": "ann", "limit": 60})
    assert len(listed.json()["memories"]) == 60


async def test_messages_are_learned_from_and_added_ones_are_kept(served: Gateway) -> None:
    said = [{"role": "user", "content": "I moved to Lisbon. It rains."}, {"role": "assistant", "content": "Nice."}]
    asked = {"user_id": "ann", "messages": said, "metadata": {"topic": "home"}}
    learned = (await served.post("/v1/memories/extract", asked)).json()["results"]
    assert [(each["content"], each["event"]) for each in learned] == [("User moved to Lisbon", "ADD")]
    again = (await served.post("/v1/memories/extract", asked)).json()["results"]
    assert [each for each in again if each["event"] == "ADD"] == []
    added = await served.post("/v1/memories", {"user_id": "ann", "messages": said})
    listed = (await served.get("/v1/memories", params={"user_id": "ann"})).json()["memories"]
    assert [each["id"] for each in listed] == [added.json()["id"], learned[0]["id"]]
    assert listed[1]["metadata"] == {"topic": "home"}


async def test_what_was_learned_has_a_history_like_any_memory(served: Gateway) -> None:
    asked = {"user_id": "ann", "messages": [{"role": "user", "content": "I moved to Lisbon."}]}
    (learned,) = (await served.post("/v1/memories/extract", asked)).json()["results"]
    path, ann = f"/v1/memories/{learned['id']}", {"user_id": "ann"}
    changed = await served.http.patch(path, json={**ann, "content": "moved to Porto"})
    assert changed.status_code == 200, changed.text
    assert (await served.http.get(path, params=ann)).json()["content"] == "moved to Porto"
    events = (await served.get(f"{path}/history", params=ann)).json()["events"]
    assert [(each["event"], each["old"], each["new"]) for each in events] == [
        ("ADD", None, "User moved to Lisbon"), ("UPDATE", "User moved to Lisbon", "moved to Porto"),
    ]  # fmt: skip
    for verb in ("GET", "DELETE"):
        answer = await served.http.request(verb, path, params={"user_id": "bob"})
        assert answer.status_code == 404 or answer.json() == {"deleted": 0}
    assert (await served.http.delete(path, params=ann)).json() == {"deleted": 1}
    events = (await served.get(f"{path}/history", params=ann)).json()["events"]
    assert [each["event"] for each in events] == ["ADD", "UPDATE", "DELETE"]
    assert events[1]["old"] is None


async def test_deleting_all_counts_what_was_listed_and_spares_everybody_else(served: Gateway) -> None:
    for user in ("ann", "bob"):
        many = [{"content": f"note {n} of {user}"} for n in range(45)]
        await served.post("/v1/memories/batch", {"user_id": user, "memories": many})
    listed = (await served.get("/v1/memories", params={"user_id": "ann", "limit": 200})).json()["memories"]
    told = await served.http.delete("/v1/memories", params={"user_id": "ann"})
    assert told.json() == {"deleted": len(listed)} == {"deleted": 45}
    assert (await served.get("/v1/memories", params={"user_id": "ann"})).json()["memories"] == []
    assert len((await served.get("/v1/memories", params={"user_id": "bob"})).json()["memories"]) == 45


async def test_a_retry_with_its_key_is_one_memory(served: Gateway) -> None:
    body = {"user_id": "ann", "content": "once"}
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(*(served.post("/v1/memories", body, headers=headers) for _ in range(5)))
    assert len({each.json()["id"] for each in answers}) == 1
    assert len((await served.get("/v1/memories", params={"user_id": "ann"})).json()["memories"]) == 1


async def test_the_metrics_name_the_provider(served: Gateway) -> None:
    await served.post("/v1/memories", {"user_id": "ann", "content": "likes tea"})
    await served.post("/v1/memories/search", {"user_id": "ann", "query": "tea"})
    told = (await served.get("/metrics")).text
    for operation in ("memory.add", "memory.search"):
        assert any(operation in line and "main" in line for line in told.splitlines()), operation
