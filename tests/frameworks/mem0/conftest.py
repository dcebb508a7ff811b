"""A gateway that speaks mem0's languages, and mem0's own AsyncMemory beside it, both without a network."""

import hashlib
import re
from collections.abc import AsyncGenerator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gateway.client import AsyncGateway
from gateway.client.frameworks.mem0 import AsyncMemory
from tests.gateways import gateway

YAML = """
version: 1
providers:
  main: {type: sqlite, path: data/test.db}
tenants:
  default:
    auth: {mode: open}
    routes:
      memories: {default: true, kinds: [memory], chain: main, scope: {any_of: [user, agent, run]}}
faces: {mem0: true}
"""
SIZE = 256


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncGenerator[AsyncMemory]:
    async with gateway(tmp_path, YAML) as served:
        transport: Any = served.http._transport  # pyright: ignore[reportPrivateUsage] - in this process
        async with AsyncGateway("http://localhost", transport=transport, user_id="bound") as client:
            yield AsyncMemory(client)


@pytest.fixture
async def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Any]:
    """mem0's library over Qdrant in a folder, with words hashed for an embedder."""
    monkeypatch.setenv("MEM0_DIR", str(tmp_path / "mem0"))
    monkeypatch.setenv("MEM0_TELEMETRY", "False")
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    mem0: Any = import_module("mem0")  # it writes a folder when it is imported

    def embed_batch(texts: list[str], _: Any = None) -> list[list[float]]:
        return [embed(each) for each in texts]

    def embed(text: str, _: Any = None) -> list[float]:
        vector = [0.0] * SIZE
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % SIZE] += 1.0
        length = sum(each * each for each in vector) ** 0.5 or 1.0
        return [each / length for each in vector]

    made: Any = mem0.AsyncMemory.from_config({
        "vector_store": {"provider": "qdrant", "config": {
            "collection_name": "t", "embedding_model_dims": SIZE, "path": str(tmp_path / "qdrant"), "on_disk": True,
        }},
        "history_db_path": str(tmp_path / "history.db"),
    })  # fmt: skip
    made.embedding_model = type("Hashing", (), {
        "embed": staticmethod(embed),
        "embed_batch": staticmethod(embed_batch),
        "config": made.embedding_model.config,
    })()  # fmt: skip
    yield made
    made.close()
