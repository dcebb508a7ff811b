"""What `render` prints: every route with everything that holds for it, from whom, and no secret."""

import json
from pathlib import Path

import pytest
import yaml

from gateway.config.emitting import flow
from gateway.config.model import Layer
from gateway.config.scalars import read_scalar
from tests.cli.places import MANY, TENANT, put, run


def test_every_route_has_every_setting_of_a_layer() -> None:
    tree = yaml.safe_load(run("render", MANY).stdout)
    for tenant in ("acme", "globex"):
        for route in tree["tenants"][tenant]["routes"].values():
            assert set(Layer.__struct_fields__) <= set(route)
    assert tree["tenants"]["globex"]["routes"]["notes"]["history"] == "off"  # from a profile
    assert tree["tenants"]["acme"]["routes"]["support"]["retrieval"]["top_k"] == 20  # spelt max_memories there


def test_json_and_yaml_hold_the_same() -> None:
    assert json.loads(run("render", MANY, "--format", "json").stdout) == yaml.safe_load(run("render", MANY).stdout)


def test_provenance_names_the_layer_the_file_and_the_line() -> None:
    text = run("render", MANY, "--provenance", "--tenant", "acme").stdout
    assert "top_k: 20" in text
    line = next(each for each in text.splitlines() if "top_k: 20" in each)
    assert line.endswith("# route tenants/acme.yaml:12")
    assert any(each.strip().startswith("min_relevance: 0.1") and each.endswith("# defaults gateway.yaml:13")
               for each in text.splitlines())  # fmt: skip
    body = json.loads(run("render", MANY, "--provenance", "--tenant", "acme", "--format", "json").stdout)
    route = body["tenants"]["acme"]["routes"]["support"]
    assert route["retrieval"]["top_k"] == {"value": 20, "from": "route tenants/acme.yaml:12"}
    assert route["limits"]["max_page"] == {"value": 200, "from": "built in"}


def test_one_tenant_comes_with_what_it_uses_and_nothing_else() -> None:
    tree = yaml.safe_load(run("render", MANY, "--tenant", "acme").stdout)
    assert list(tree["tenants"]) == ["acme"] and list(tree["providers"]) == ["main"]
    assert run("render", MANY, "--tenant", "nobody").exit_code == 2


@pytest.mark.parametrize("flags", [(), ("--provenance",), ("--format", "json"), ("--format", "json", "--provenance")])
def test_no_secret_and_no_referenced_value_is_shown(tmp_path: Path, flags: tuple[str, ...]) -> None:
    result = run("render", put(tmp_path), *flags)
    assert result.exit_code == 0
    assert "canary" not in result.output and "ca9a" not in result.output
    assert "${env:HELLO}" in result.stdout and "${env:KEY}" in result.stdout and "${env:ORG}" in result.stdout
    assert "sha256:000" not in result.stdout


def test_the_canary_would_be_seen(tmp_path: Path) -> None:
    """The counter-test: written into the file instead of referenced, a text that is no secret is shown."""
    put(tmp_path)
    (tmp_path / "tenants/acme.yaml").write_text(TENANT.replace("${env:HELLO}", "canary-hello"))
    assert "canary-hello" in run("render", tmp_path).stdout


def test_a_broken_tenant_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, {"tenants/globex.yaml": "tenant: globex\nroutes: {x: {chian: main}}\n"})
    result = run("render", tmp_path)
    assert result.exit_code == 0 and "acme" in yaml.safe_load(result.stdout)["tenants"]
    assert "'globex' is broken" in result.stderr
    assert run("render", tmp_path, "--tenant", "globex").exit_code == 1


@pytest.mark.parametrize(
    "text",
    ["plain", "true", "null", "~", "no", "off", "1", "1e3", "0x1f", "12:30", "2026-01-01", "", " a", "a ", "a: b", "#x", "a #b",
     "- x", "{x}", "[x]", "*a", "&a", "!t", "'", '"', "a\nb", "%", "@", "`", "${env:A}", "data/x.db", "a*", "support-*", "\u2028"],
)  # fmt: skip
def test_whatever_text_is_written_reads_as_the_same_text(text: str) -> None:
    assert yaml.safe_load(flow(text)) == text
    assert yaml.safe_load(f"{{a: {flow(text)}, b: [{flow(text)}]}}") == {"a": text, "b": [text]}
    written = flow(text)
    assert written.startswith('"') or read_scalar(written) == text
