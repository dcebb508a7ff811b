"""A gateway in front of Zep: the few lines of YAML that it takes, and what its callers see."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.gateways import Gateway, gateway
from tests.providers.zep.places import Server
from tests.servers import zep

CONFIG = """version: 1
providers:
  main: {{type: zep, api_key: "${{env:TEST_ZEP_KEY}}", base_url: "{url}", prefix: {prefix}, wait: true{more}}}
defaults: {{chain: main}}
tenants: {{default: {{auth: {{mode: open}}, routes: {{all: {{default: true, kinds: [memory, message]}}}}}}}}
"""


@pytest.fixture(autouse=True)
def key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_ZEP_KEY", server["api_key"])


@asynccontextmanager
async def served(server: Server, prefix: str, home: Path, more: str = "") -> AsyncGenerator[Gateway]:
    url = zep.options(server, prefix)["base_url"]
    async with gateway(home, CONFIG.format(url=url, prefix=prefix, more=more)) as made:
        yield made


async def test_a_few_lines_serve_adding_searching_and_deleting(server: Server, prefix: str, tmp_path: Path) -> None:
    async with served(server, prefix, tmp_path) as made:
        for text in ("Ann drinks green tea every morning", "Her bicycle has a flat tyre"):
            added = await made.post("/v1/memories", {"user_id": "ann", "content": text})
            assert added.status_code == 201, added.text
        question = {"user_id": "ann", "query": "what beverage does she have at breakfast"}
        found = (await made.post("/v1/memories/search", question)).json()["results"]
        assert found[0]["content"] == "Ann drinks green tea every morning"
        assert (await made.post("/v1/memories/search", {**question, "user_id": "bob"})).json()["results"] == []
        gone = await made.http.delete("/v1/memories", params={"user_id": "ann"})
        assert gone.json()["deleted"] == 2


async def test_facts_are_learned_from_messages_and_found(server: Server, prefix: str, tmp_path: Path) -> None:
    async with served(server, prefix, tmp_path, ", scope: edges") as made:
        said = [{"role": "user", "content": "Ann lives in Oslo"}, {"role": "assistant", "content": "Nice."}]
        learned = (await made.post("/v1/memories/extract", {"user_id": "ann", "messages": said})).json()["results"]
        assert [(each["content"], each["event"]) for each in learned] == [("Ann lives in Oslo", "ADD")]
        listed = (await made.get("/v1/memories", params={"user_id": "ann"})).json()["memories"]
        assert [each["metadata"]["source"] for each in listed] == ["zep"]
        assert listed[0]["metadata"]["valid_at"]
        assert (await made.http.delete("/v1/memories", params={"user_id": "ann"})).json()["deleted"] == 1


@pytest.mark.parametrize("summarizes", [True, False])
async def test_auto_summarize_is_what_makes_zep_tell_a_session(
    summarizes: bool, server: Server, prefix: str, tmp_path: Path
) -> None:
    more = "" if summarizes else ", auto_summarize: false"
    async with served(server, prefix, tmp_path, more) as made:
        messages = [{"role": "user", "content": "Ann lives in Oslo"}, {"role": "assistant", "content": "Nice."}]
        body = {"user_id": "ann", "messages": messages}
        assert (await made.post("/v1/sessions/s1/messages", body)).status_code in (200, 201)
        window = (await made.get("/v1/sessions/s1/context", params={"user_id": "ann"})).json()
        assert [each["message"]["content"] for each in window["messages"]][-2:] == ["Ann lives in Oslo", "Nice."]
        assert ("- Ann lives in Oslo" in str(window)) is summarizes
        told = await made.get("/v1/sessions/s1/summary", params={"user_id": "ann"})
        if summarizes:
            assert told.json()["summary"] == "2 messages. Ann lives in Oslo."
            assert told.json()["by"] == "backend"
        else:
            assert told.status_code == 404
