"""mem0 tells nobody: no telemetry, no notices, no downloads, no files outside the folder, no texts in the log."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def used(way: str, url: str, key: str, home: Path) -> dict[str, Any]:
    """The environment says nothing of mem0, and the home folder of the user is an empty one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MEM0_", "OPENAI_"))}
    empty = home / "user"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.providers.mem0.quiet", way, url, key, str(home)], cwd=ROOT, capture_output=True,
        text=True, check=True, env={**environment, "HOME": str(empty), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return {**json.loads(done.stdout), "stray": [path.name for path in empty.rglob("*")]}


def counts(model: str) -> dict[str, int]:
    with urllib.request.urlopen(model.removesuffix("/v1") + "/counts") as answer:
        return json.load(answer)


def test_the_library_reaches_nothing_but_the_model_server_and_needs_no_language_model(
    model: str, tmp_path: Path
) -> None:
    before = counts(model)
    told = used("inside", model, "", tmp_path)
    after = counts(model)
    assert (told["error"], told["wanted"], told["stray"]) == ("", [], [])
    assert told["folder"] == str(tmp_path / "data/mem0")
    assert after["embeddings"] > before["embeddings"] and after["chat"] == before["chat"]


def test_the_client_reaches_nothing_but_the_platform(platform: Mapping[str, str], tmp_path: Path) -> None:
    told = used("hosted", platform["url"], platform["api_key"] + "quiet", tmp_path)
    assert (told["error"], told["wanted"], told["stray"]) == ("", [], [])


def test_the_log_holds_no_text_and_says_once_what_mem0_does_without(model: str, tmp_path: Path) -> None:
    lines: list[str] = used("inside", model, "", tmp_path)["lines"]
    assert [line for line in lines if "confidential" in line or "changed" in line] == []
    assert len([line for line in lines if "without entities and lemmas" in line]) == 1


def test_a_mem0_that_was_imported_with_its_telemetry_on_is_refused(model: str, tmp_path: Path) -> None:
    """Also the counter-test of the blocked sockets: this is what they see where nothing is switched off."""
    told = used("careless", model, "", tmp_path)
    assert "telemetry" in told["error"]
    assert told["stray"]


@pytest.mark.parametrize("name", ["openai.py", "mem0_platform.py"])
def test_the_servers_of_these_tests_listen_to_this_machine_alone(name: str) -> None:
    assert "host=" not in (ROOT / "tests/servers" / name).read_text("utf-8")  # uvicorn's default is 127.0.0.1
