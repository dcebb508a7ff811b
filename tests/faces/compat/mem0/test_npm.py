"""mem0's client for JavaScript, where there is one: `npm install mem0ai` in a folder, and its name in the environment."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.faces.compat.mem0.world import Side, World

FOLDER = os.environ.get("MEMORY_GATEWAY_NPM_MEM0", "")
pytestmark = [
    pytest.mark.xdist_group("mem0-clients"),
    pytest.mark.skipif(not FOLDER, reason="MEMORY_GATEWAY_NPM_MEM0 names no folder with npm's mem0ai in it"),
]


def test_a_program_in_javascript_finds_what_it_added(mem0_side: Side) -> None:
    world = World(mem0_side, "sqlite", "MemoryClient")
    program = Path(__file__).with_name("npm_client.mjs")
    done = subprocess.run(
        ["node", str(program), FOLDER, world.url, world.key(), world.name()],
        env={**os.environ, "MEM0_TELEMETRY": "false"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "added": "likes green tea",
        "found": ["likes green tea", {"k": 1}, True],
        "changed": "likes coffee",
        "got": "likes coffee",
        "history": ["ADD", "UPDATE"],
        "users": 1,
        "absent": "MemoryNotFoundError",
        "left": 0,
    }
