"""A sealed route over mem0's library in this process: what mem0 keeps cannot be read, and search finds it all the same."""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateways import gateway
from tests.servers.openai import mem0_block, openai

TEXTS = ("Ann drinks green tea every morning", "Her bicycle has a flat tyre", "The cat is called Mina")
CONFIG = """
version: 1
keyrings: {main: {root: {type: file, path: root.key}}}
embedders: {local: {type: wordllama}}
providers: {main: {type: mem0, embedder: local}}
tenants:
  default:
    auth: {mode: open}
    encryption: {keys: main, fields: [content, metadata.note], vectors: sealed}
    routes: {notes: {default: true, chain: main, retrieval: {strategy: semantic}}}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with openai(tmp_path_factory.mktemp("openai")) as told:
        yield told


def written(model: str, folder: str, *, sealed: bool) -> str:
    config: dict[str, Any] = yaml.safe_load(CONFIG)
    block = mem0_block(model, f"{folder}/q", "memories")
    config["providers"]["main"]["config"] = block
    if not sealed:
        del config["tenants"]["default"]["encryption"]
        del config["keyrings"]
    return yaml.safe_dump(config).replace("sk-test-nobody", "${env:TEST_MODEL_KEY}")


def raw(*folders: Path) -> bytes:
    """All bytes of all files, and of every row of those that are databases."""
    found = b""
    for file in sorted(each for folder in folders for each in folder.rglob("*") if each.is_file()):
        content = file.read_bytes()
        found += content
        if content.startswith(b"SQLite format 3"):
            with sqlite3.connect(file) as database:
                found += "\n".join(database.iterdump()).encode()
    return found


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "counter-test"])
async def test_what_mem0_keeps_cannot_be_read_and_search_finds_it(
    sealed: bool, model: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "sk-test-nobody")
    (tmp_path / "root.key").write_bytes(bytes(range(32)))
    with tempfile.TemporaryDirectory(dir=model["folder"]) as folder:
        text = written(model["url"], folder, sealed=sealed)
        async with gateway(tmp_path, text) as made:
            for each in TEXTS:
                body = {"user_id": "ann", "content": each, "metadata": {"note": "canary-note", "topic": "home"}}
                added = await made.post("/v1/memories", body)
                assert added.status_code == 201, added.text
            listed = (await made.get("/v1/memories", params={"user_id": "ann"})).json()["memories"]
            assert {each["content"] for each in listed} == set(TEXTS)
            assert {each["metadata"]["note"] for each in listed} == {"canary-note"}
            asked = {"user_id": "ann", "query": "what beverage does she have at breakfast"}
            found = (await made.post("/v1/memories/search", asked)).json()["results"]
            assert found[0]["content"] == TEXTS[0]
            assert (await made.post("/v1/memories/search", {**asked, "user_id": "ben"})).json()["results"] == []
        kept = raw(Path(folder), tmp_path / "data")
    shown = [each for each in (*TEXTS, "bicycle", "Mina", "canary-note") if each.encode() in kept]
    assert bool(shown) is not sealed
    assert b"home" in kept  # what is not sealed is there: these are the files
