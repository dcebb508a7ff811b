"""Each framework's example, as its users run it: what an agent was told is recalled in a new process after a restart."""

import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.frameworks.served import served

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {
    # what is run, what it is told, what it is asked, what it must recall
    "fence": (
        "fence/support_bot.py 12345 abc-def",
        "I have trouble with my order #98765",
        "What was my order number again?",
        "#98765",
    ),
    "anthropic": ("anthropic/notes.py ann", "I prefer tea to coffee", "What do I prefer?", "tea to coffee"),
    "mem0": ("mem0/notes.py ann", "I am allergic to peanuts", "What am I allergic to?", "peanuts"),
    "fastagentic": (
        "fastagentic/assistant.py ann",
        "My favourite editor is Helix",
        "Which editor is my favourite?",
        "Helix",
    ),
}
pytestmark = pytest.mark.xdist_group("frameworks")


def run(url: str, program: str, said: str) -> str:
    path, *arguments = program.split()
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / path), url, *arguments, said]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A gateway on the data of another one that is gone, which every program had told something."""
    home = tmp_path_factory.mktemp("restarted")
    text = (EXAMPLES / "fence/gateway.yaml").read_text()
    with served(home, text) as first, ThreadPoolExecutor(2) as pool:
        told = [pool.submit(run, first.url, program, said) for program, said, _, _ in PROGRAMS.values()]
        for each in told:
            each.result()
    with served(home, text) as second:
        yield second.url


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_agent_recalls_in_a_new_process_after_a_restart_of_the_gateway(restarted: str, name: str) -> None:
    program, _, asked, recalled = PROGRAMS[name]
    assert recalled in run(restarted, program, asked)


def test_the_examples_serve_one_and_the_same_file() -> None:
    texts = {path.read_text() for name in PROGRAMS for path in (EXAMPLES / name).glob("gateway.yaml")}
    assert len(texts) == 1
