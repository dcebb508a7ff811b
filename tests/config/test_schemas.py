"""The committed schemas: current, valid, offline, and of one mind with the check."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from gateway.cli import main
from gateway.config.catalog import Catalog, missing_packages
from gateway.config.codes import CODES
from gateway.config.schema import build_schema, published
from tests.config.plugins import Distant, catalog
from tests.config.sample import ACME, GATEWAY

ROOT = Path(__file__).parents[2]


def test_the_committed_schemas_are_current() -> None:
    for name, text in published(Catalog.builtin()).items():
        assert (ROOT / "schemas" / name).read_text("utf-8") == text, f"run `memory-gateway schema` to renew {name}"


def test_a_stale_schema_is_noticed(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["schema", "--out", str(tmp_path), "--check"]).exit_code == 1
    assert runner.invoke(main, ["schema", "--out", str(tmp_path)]).exit_code == 0
    assert runner.invoke(main, ["schema", "--out", str(tmp_path), "--check"]).exit_code == 0
    (tmp_path / "tenant.json").write_text("{}")
    assert runner.invoke(main, ["schema", "--out", str(tmp_path), "--check"]).exit_code == 1


@pytest.mark.parametrize("name", ["gateway.json", "tenant.json", "configtest.json"])
def test_a_schema_is_valid_and_refers_to_nothing_outside(name: str) -> None:
    schema = json.loads((ROOT / "schemas" / name).read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    refs: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            refs.extend(value for key, value in node.items() if key == "$ref")  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            for child in node.values():  # pyright: ignore[reportUnknownVariableType]
                walk(child)
        elif isinstance(node, list):
            for child in node:  # pyright: ignore[reportUnknownVariableType]
                walk(child)

    walk(schema)
    assert refs
    assert all(ref.startswith("#/$defs/") and ref.removeprefix("#/$defs/") in schema["$defs"] for ref in refs)


def test_editors_accept_the_sample_with_its_references_still_in_it() -> None:
    for name, text in (("gateway.json", GATEWAY), ("tenant.json", ACME)):
        validator: Any = Draft202012Validator(json.loads(published(catalog())[name]))
        assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


def test_editors_and_the_check_know_the_same_keys() -> None:
    schema = build_schema("gateway", catalog())
    told = json.loads(published(catalog())["gateway.json"])
    assert set(told["$defs"]) == set(schema["$defs"])
    assert told["$defs"]["provider.vault"]["required"] == ["type", "key"]
    assert told["$defs"]["Limits"]["properties"]["max_content"]["default"] == "1MiB"
    assert told["$defs"]["Retrieval"]["properties"]["max_memories"]["description"]


def test_a_missing_package_is_told_with_its_extra() -> None:
    assert list(missing_packages(Distant)) == [("no_such_driver", "distant")]
    Distant.requires["json"] = "std"
    try:
        assert list(missing_packages(Distant)) == [("no_such_driver", "distant")]
    finally:
        del Distant.requires["json"]


def test_every_code_is_explained_in_a_paragraph() -> None:
    for code, entry in CODES.items():
        assert len(code) == 6
        assert entry.title
        assert len(entry.about.split()) >= 6, code
