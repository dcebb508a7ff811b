"""The program of a user of the agent-memory server, against the configuration that the project ships for such."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.auth.keys import new_key
from tests.gateways import process

ROOT = Path(__file__).parents[2]


def test_a_program_of_agent_memorys_runs_with_its_address_changed(tmp_path: Path) -> None:
    key = new_key(os.urandom)
    config = (ROOT / "configs/clients.yaml").read_text().replace(f"sha256:{'0' * 63}1", key.hash)
    (tmp_path / "gateway.yaml").write_text(config.replace("../data/", "./"))
    with process(tmp_path / "gateway.yaml") as served:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples/agent_memory_program.py"), f"{served.url}/t/{key.text}"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        "found: is allergic to peanuts",
        "prompt: ['user', 'user', 'system', 'user']",
        "sessions: 0",
    ]
