"""What may stand in YAML, and in which words a start is refused."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.errors import GatewayError, Invalid, Misconfigured, Unavailable
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0.starting import library
from gateway.testing.making import MEMORIES, Maker, Time, one
from tests.servers.mem0_platform import ORG
from tests.servers.openai import mem0_block

from .opening import opening, options


@pytest.mark.parametrize("key", ["api_key", "host", "org_id", "project_id"])
def test_the_library_and_the_platform_are_never_both_meant(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"`config` runs mem0 in this process and `{key}` belongs"):
        options(config={"vector_store": {"provider": "pgvector"}}, **{key: "http://x"})


@pytest.mark.parametrize("config", [{}, {"vector_store": {"provider": "qdrant", "config": {"collection_name": "c"}}}])
def test_a_store_without_a_place_is_refused_before_mem0_uses_a_temporary_one(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match="mem0 would use /tmp/qdrant"):
        options(config=config)


def test_an_embedded_store_is_exclusive_and_a_server_is_shared() -> None:
    embedded = Mem0.capabilities(options(config=mem0_block("http://x/v1", "a/../data/q", "c")))
    assert (embedded.exclusive, embedded.shared) == (frozenset({"file:data/q"}), False)
    block = {"vector_store": {"provider": "qdrant", "config": {"host": "localhost", "port": 6333}}}
    server = Mem0.capabilities(options(config=block))
    assert (server.exclusive, server.shared) == (frozenset(), True)
    assert Mem0.capabilities(options(api_key="k")).shared


def test_only_what_has_a_model_extracts() -> None:
    block = mem0_block("http://x/v1", "q", "c")
    assert Mem0.capabilities(options(config=block)).extracts
    del block["llm"]
    assert not Mem0.capabilities(options(config=block)).extracts
    assert Mem0.capabilities(options(api_key="k")).kinds == {Kind.MEMORY, Kind.HISTORY, Kind.QUARANTINE}


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("embedder", {"provider": "mine", "config": {}}, "Unsupported embedding provider: mine"),
        ("llm", {"provider": "mine", "config": {}}, "Unsupported LLM provider: mine"),
        ("vector_store", {"provider": "mine", "config": {}}, "Unsupported vector store provider: mine"),
        (
            "vector_store",
            {"provider": "qdrant", "config": {"path": "q", "api_key": "sk-secret", "colour": "red"}},
            "Extra fields not allowed: colour",
        ),
    ],
    ids=str,
)
async def test_an_invalid_block_fails_at_start_up_with_mem0s_message(
    part: str, value: Any, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    block = {**mem0_block("http://127.0.0.1:9/v1", "q", "c"), part: value}
    with pytest.raises(Unavailable) as told:
        async with opening(options(config=block), tmp_path, Time()):
            pass
    assert said in told.value.detail
    assert "sk-" not in told.value.detail + caplog.text


async def test_a_message_never_quotes_a_credential_of_the_block(tmp_path: Path) -> None:
    block = mem0_block("http://127.0.0.1:9/v1", "q", "c")
    block["vector_store"] = {"provider": "pgvector", "config": {"connection_string": "nonsense hunter2"}}
    with pytest.raises(Unavailable) as told:
        async with opening(options(config=block, timeout="2s"), tmp_path, Time()):
            pass
    assert "hunter2" not in told.value.detail


async def test_an_embedder_that_does_not_answer_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not start"):
        async with opening(options(config=mem0_block("http://127.0.0.1:9/v1", "q", "c")), tmp_path, Time()):
            pass


def test_the_block_reaches_mem0_as_it_is_but_for_relative_paths(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    class Mem0Package:
        class AsyncMemory:
            embedding_model = llm = None

            @classmethod
            def from_config(cls, block: dict[str, Any]) -> Any:
                seen.append(block)
                return cls

    block = {
        "vector_store": {"provider": "qdrant", "config": {"host": "10.0.0.1", "port": 6333, "collection_name": "c"}},
        "llm": {"provider": "anthropic", "config": {"model": "m", "temperature": 0.1}}, "custom_instructions": "brief",
    }  # fmt: skip
    library(Mem0Package, block, tmp_path, 1)
    assert seen[-1] == block
    del block["llm"]
    library(Mem0Package, block, tmp_path, 1)
    assert seen[-1]["llm"] == {"provider": "openai", "config": {"api_key": "none"}}
    library(Mem0Package, mem0_block("http://x/v1", "data/q", "c"), tmp_path, 1)
    assert seen[-1]["vector_store"]["config"]["path"] == str(tmp_path / "data/q")


async def test_without_a_model_it_keeps_and_searches_and_does_not_extract(
    model: str, store: str, tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    block = mem0_block(model, f"{store}/q", "c")
    del block["llm"]
    async with opening(options(config=block), tmp_path, Time()) as provider:
        record = make.record("likes tea")
        await provider.put([record])
        assert [hit.record for hit in await provider.relevant(Reach.only(record.scope), "tea", MEMORIES, 5)] == [record]
        with pytest.raises(Invalid, match="no `llm`"):
            await provider.extract([make.record("I like tea.", role="user")], wait=True)


async def test_an_embedded_path_starts_at_the_configurations_folder(model: str, tmp_path: Path) -> None:
    async with opening(options(config=mem0_block(model, "qdrant", "c")), tmp_path, Time()):
        assert (tmp_path / "qdrant").is_dir() and (tmp_path / "data/mem0").is_dir()


async def test_the_key_may_come_from_the_environment(
    platform: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Maker
) -> None:
    monkeypatch.setenv("MEM0_API_KEY", platform["api_key"] + "environment")
    async with opening(options(host=platform["url"]), tmp_path, Time()) as provider:
        record = make.record()
        await provider.put([record])
        assert await one(provider, record) == record


async def test_no_key_at_all_is_an_error_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEM0_API_KEY", raising=False)
    with pytest.raises(Unavailable, match="Mem0 API Key not provided"):
        async with opening(options(host="http://127.0.0.1:9"), tmp_path, Time()):
            pass


async def test_a_tenant_never_uses_the_operators_key(
    platform: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEM0_API_KEY", platform["api_key"])
    with pytest.raises(Misconfigured, match="needs its own `api_key`"):
        async with opening(options(host=platform["url"]), tmp_path, Time(), name="acme/main"):
            pass
    async with opening(options(host=platform["url"]), tmp_path, Time(), name="main"):
        pass  # what the tenant was kept from


async def test_a_wrong_key_is_told_without_the_key(platform: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Invalid API key") as told:
        async with opening(options(api_key="wrong-key", host=platform["url"]), tmp_path, Time()):
            pass
    assert "wrong-key" not in told.value.detail


async def test_the_account_is_compared_with_what_the_options_say(platform: Mapping[str, str], tmp_path: Path) -> None:
    given = {"api_key": platform["api_key"], "host": platform["url"]}
    async with opening(options(org_id=ORG, **given), tmp_path, Time()):
        pass
    for other in ({"org_id": "org-other"}, {"project_id": "proj-other"}):
        with pytest.raises(GatewayError, match="but the api_key belongs to"):
            async with opening(options(**other, **given), tmp_path, Time()):
                pass


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    """In a process that has no mem0, as after an installation without extras."""
    (tmp_path / "gateway.yaml").write_text(
        "version: 1\nproviders: {main: {type: mem0, api_key: '${env:KEY}'}}\ndefaults: {chain: main}\n"
        "tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}\n"
    )
    program = (
        "import sys; sys.modules['mem0'] = None\n"
        "from pathlib import Path; from gateway.config.catalog import Catalog; "
        "from gateway.config.compiler import compile_config\n"
        f"notes = compile_config(Path({str(tmp_path / 'gateway.yaml')!r}), {{'KEY': 'k'}}, Catalog.builtin()).diagnostics\n"
        "print([(note.code, note.hint) for note in notes])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "('MG0801', \"pip install 'memory-gateway[mem0]'\")" in said
    found = compile_config(tmp_path / "gateway.yaml", {"KEY": "k"}, Catalog.builtin())
    assert [note.code for note in found.diagnostics] == []


def test_what_stands_in_the_block_is_never_shown(tmp_path: Path) -> None:
    """As it is written where it is a reference, as dots where it is a credential that somebody wrote there."""
    config: dict[str, Any] = {
        "vector_store": {"provider": "pgvector", "config": {"password": "hunter2-harbour", "host": "db"}},
        "embedder": {"provider": "openai", "config": {"api_key": "${env:MODEL_KEY}"}},
    }
    text: dict[str, Any] = {
        "version": 1,
        "providers": {"main": {"type": "mem0", "config": config}},
        "defaults": {"chain": "main"},
    }
    text["tenants"] = {"demo": {"auth": {"mode": "open"}, "routes": {"notes": {"default": True}}}}
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(text))
    environment = {"MODEL_KEY": "sk-from-environment"}
    for command in (["render", str(file)], ["render", "--provenance", str(file)], ["validate", str(file)]):
        done = CliRunner().invoke(main, command, env=environment)
        assert done.exit_code == 0, done.output
        assert "hunter2" not in done.output and "sk-from-environment" not in done.output
    assert "${env:MODEL_KEY}" in CliRunner().invoke(main, ["render", str(file)], env=environment).output
