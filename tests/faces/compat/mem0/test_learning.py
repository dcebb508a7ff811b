"""A client of mem0's before a gateway whose backend is mem0's platform: what it says is learned there, and its code is the same."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.keys import new_key
from tests.faces.compat.mem0.library import mem0
from tests.gateways import process
from tests.servers.mem0_platform import mem0_platform

FILE = """
version: 1
faces: {{mem0: true}}
providers:
  main: {{type: mem0, api_key: "${{env:PLATFORM_KEY}}", host: "{url}"}}
tenants:
  acme:
    auth: {{api_keys: [{{hash: "{hash}", roles: [reader, writer, eraser]}}]}}
    routes: {{memories: {{default: true, chain: main, scope: {{any_of: [user, agent, run]}}}}}}
"""
SAID = [
    {"role": "user", "content": "Hello! I moved to Lisbon last year."},
    {"role": "assistant", "content": "How nice!"},
]
FACT = "User moved to Lisbon last year"


def test_with_infer_the_fact_is_kept_and_without_the_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mem0_platform(tmp_path) as told:
        key, config = new_key(os.urandom), tmp_path / "gateway.yaml"
        monkeypatch.setenv("PLATFORM_KEY", told["api_key"] + "main")
        config.write_text(FILE.format(url=told["url"], hash=key.hash))
        with process(config) as served:
            client = mem0.MemoryClient(api_key=key.text, host=served.url)
            learned = client.add(SAID, user_id="ada", metadata={"k": 1}, expiration_date="2099-01-01")
            assert [(each["memory"], each["event"]) for each in learned["results"]] == [(FACT, "ADD")]
            (kept,) = client.get_all(filters={"user_id": "ada"})["results"]
            assert (kept["memory"], kept["metadata"], kept["expiration_date"]) == (FACT, {"k": 1}, "2099-01-01")
            assert client.add(SAID, user_id="ada")["results"] == []  # heard before
            turns = client.add(SAID, user_id="bob", infer=False)["results"]
            assert [each["memory"] for each in turns] == [each["content"] for each in SAID]
            found = client.search("where does she live", filters={"user_id": "ada"})["results"]
            assert [each["id"] for each in found] == [kept["id"]]
            assert client.update(kept["id"], text="User lives in Porto")["memory"] == "User lives in Porto"
            assert [each["event"] for each in client.history(kept["id"])] == ["ADD", "UPDATE"]
            client.delete(kept["id"])
            client.delete_all(user_id="bob")
            left: Any = client.get_all(filters={"OR": [{"user_id": "*"}, {"agent_id": "*"}]})
            assert left["count"] == 0
