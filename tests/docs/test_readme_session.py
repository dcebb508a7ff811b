"""The README's commands, pasted: each is run against a gateway as the README starts it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gateways import process

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands need curl")
def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    config = tmp_path / "configs/quickstart.yaml"
    config.parent.mkdir()
    config.write_text((ROOT / "configs/quickstart.yaml").read_text())
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"<!-- session -->\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 8
    with process(config) as gateway:
        told = [
            _run(line.replace("http://localhost:8080", "localhost:8080").replace("localhost:8080", gateway.url))
            for line in lines
        ]
    assert not [reply for reply in told if '"status":' in reply and '"code":' in reply]
    assert "peanuts" in told[2]
    assert told[3].endswith("- My sister lives in Lisbon")
    assert '"step": 1' in told[-1]
    assert (tmp_path / "data/quickstart.db").exists()


def _run(line: str) -> str:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=20).stdout
