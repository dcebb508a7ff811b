"""Extras stand in one environment: what they and all that they bring ask for is met by what is installed, and imports."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def asked_by(extra: str) -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["optional-dependencies"][extra]


def unmet(wanted: Iterable[str]) -> Iterator[str]:
    """Whatever is wanted, directly or by what is wanted, and is not there in a version that everybody takes."""
    open_, seen = [("the extra", Requirement(text), "") for text in wanted], set[str]()
    while open_:
        who, requirement, extra = open_.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            there = version(name)
        except PackageNotFoundError:
            yield f"{who} wants {requirement}, which is not installed"
            continue
        if not requirement.specifier.contains(there, prereleases=True):
            yield f"{who} wants {requirement}, and {there} is installed"
        for part in ("", *sorted(requirement.extras)):
            if f"{name}[{part}]" in seen or name == "memory-gateway":
                continue
            seen.add(f"{name}[{part}]")
            open_ += [(name, Requirement(text), part) for text in distribution(name).requires or ()]


def test_what_pydantic_ai_and_mem0_ask_for_is_met_by_one_environment() -> None:
    assert list(unmet([*asked_by("pydantic-ai"), *asked_by("mem0"), *asked_by("client")])) == []


def test_both_import_in_one_process() -> None:
    program = (
        "import mem0, pydantic_ai, gateway.client.frameworks.pydanticai as ours, gateway.client.frameworks.mem0 as theirs\n"
        "from gateway.providers.mem0 import Mem0\n"
        "print(mem0.AsyncMemory.__name__, pydantic_ai.Agent.__name__, ours.GatewayMemory.__name__, theirs.AsyncMemory.__name__)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.split() == ["AsyncMemory", "Agent", "GatewayMemory", "AsyncMemory"]


@pytest.mark.parametrize("pin", ["mem0ai<1", "pydantic-ai-slim>=9", "no-such-package-here"])
def test_a_pin_that_is_not_met_would_be_told(pin: str) -> None:
    assert [line for line in unmet([pin]) if line.startswith("the extra wants")] != []
