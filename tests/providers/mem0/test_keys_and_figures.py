"""mem0's key in every form that YAML has for it, shown by nothing; and what /metrics says of a route on mem0."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli import main
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from tests.gateways import Gateway, gateway

CONFIG = """version: 1
providers: {{main: {{type: mem0, host: "{host}", api_key: {key}}}}}
defaults: {{chain: main}}
tenants: {{default: {{auth: {{mode: open}}, routes: {{notes: {{default: true}}}}}}}}
"""
FORMS = {"literal": '"{key}"', "env": '"${{env:TEST_MEM0_KEY}}"', "file": '"${{file:mem0.key}}"'}


@pytest.fixture
def key(platform: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An account of this test's own, whose key is in the environment and in a file."""
    account = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    made = f"{platform['api_key']}{account}"
    monkeypatch.setenv("TEST_MEM0_KEY", made)
    (tmp_path / "mem0.key").write_text(f"{made}\n")
    (tmp_path / "mem0.key").chmod(0o600)
    return made


def config(platform: Mapping[str, str], form: str, key: str) -> str:
    return CONFIG.format(host=platform["url"], key=FORMS[form].format(key=key))


async def add_and_search(served: Gateway) -> list[str]:
    added = await served.post("/v1/memories", {"user_id": "ann", "content": "Ann drinks green tea"})
    assert added.status_code == 201, added.text
    found = await served.post("/v1/memories/search", {"user_id": "ann", "query": "what does she drink?"})
    return [each["content"] for each in found.json()["results"]]


@pytest.mark.parametrize("form", FORMS)
async def test_a_key_works_in_every_form_and_no_output_shows_it(
    form: str, key: str, platform: Mapping[str, str], tmp_path: Path
) -> None:
    async with gateway(tmp_path, config(platform, form, key)) as served:
        assert await add_and_search(served) == ["Ann drinks green tea"]
        replies = [(await served.get(path)).text for path in ("/metrics", "/health/ready", "/v1/memories?user_id=ann")]
        logged = b"".join(served.lines).decode()
    assert key not in "\n".join([*replies, logged])
    for told in outputs(tmp_path, tmp_path / "gateway.yaml"):
        assert key not in told


@pytest.mark.parametrize("form", FORMS)
def test_no_output_about_a_broken_provider_shows_the_key(
    form: str, key: str, platform: Mapping[str, str], tmp_path: Path
) -> None:
    for mistake in ("api_key:", "api_kee:"), ("api_key:", "hots: x, api_key:"), ("type: mem0", "type: mem1"):
        (tmp_path / "gateway.yaml").write_text(config(platform, form, key).replace(*mistake))
        told = CliRunner().invoke(main, ["validate", str(tmp_path / "gateway.yaml")])
        assert told.exit_code == 1
        assert key not in told.output


async def test_a_wrong_key_is_refused_without_being_shown(
    key: str, platform: Mapping[str, str], tmp_path: Path
) -> None:
    wrong = f"wrong-{key}"
    async with gateway(tmp_path, config(platform, "literal", wrong)) as served:
        refused = await served.post("/v1/memories", {"user_id": "ann", "content": "Ann drinks green tea"})
        assert refused.status_code >= 500
        assert key not in refused.text + b"".join(served.lines).decode() + (await served.get("/metrics")).text


def test_a_key_that_is_no_secret_to_the_language_would_be_seen(
    key: str, platform: Mapping[str, str], tmp_path: Path
) -> None:
    said = f"default: true, context: {{header: {key}}}"
    (tmp_path / "gateway.yaml").write_text(config(platform, "env", key).replace("default: true", said))
    assert any(key in told for told in outputs(tmp_path, tmp_path / "gateway.yaml"))


def outputs(home: Path, file: Path) -> Iterator[str]:
    """What the verbs print of it, and what a careless line of ours would: the whole result of a compilation."""
    other = home / "other.yaml"
    other.write_text(
        file.read_text().replace("type: mem0", "labels: {x: y}, type: mem0").replace("m0-test-", "m0-other-")
    )
    for words in (
        ["validate", str(file), "--format", "json"],
        ["render", str(file), "--provenance"],
        ["render", str(file), "--format", "json"],
        ["graph", str(file)],
        ["diff", str(file), str(other)],
    ):
        yield CliRunner().invoke(main, words).output
    yield repr(compile_config(file, os.environ, Catalog.builtin()))


async def test_the_figures_of_a_route_on_mem0_count_searches_and_additions_by_provider(
    key: str, platform: Mapping[str, str], tmp_path: Path
) -> None:
    """After one call of each: both counters, and a histogram from which a 99th percentile is read."""
    async with gateway(tmp_path, config(platform, "env", key)) as served:
        await add_and_search(served)
        text = (await served.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    for operation in ("memory.add", "memory.search"):
        labels = {"tenant": "default", "route": "notes", "provider": "main", "operation": operation}
        (count,) = [
            each.value for each in samples if each.name == "gateway_memory_operations_total" and each.labels == labels
        ]
        assert count == 1
        name = "gateway_memory_latency_seconds_bucket"
        buckets = [
            (float(each.labels["le"]), each.value)
            for each in samples
            if each.name == name and labels.items() <= each.labels.items()
        ]
        below = min(bound for bound, total in buckets if total >= 0.99 * count)
        assert 0 < below < float("inf")
