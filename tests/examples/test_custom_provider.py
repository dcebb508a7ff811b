"""A provider in a package of its own: installed, found, checked, and held to the contract from outside."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples/custom_provider"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a Python module where the package is installed, in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(EXAMPLE)]
    subprocess.run(command, check=True, timeout=120)
    path = os.pathsep.join([str(folder), str(ROOT)])

    def run(*arguments: str, cwd: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=cwd, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    return run


def test_it_passes_the_contract_from_outside(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "matrix.md"
    done = run(
        "pytest", "-q", "-c", "pyproject.toml", "-p", "no:cacheprovider", "--pyargs", "gateway.testing.clauses",
        f"--conformance-report={report}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    matrix = report.read_text()
    assert "journal (real)" in matrix
    assert matrix.count("| pass |") >= 70
    assert "| fail |" not in matrix


def test_its_options_are_in_the_schema_and_checked(run: Run, tmp_path: Path) -> None:
    assert run("gateway", "schema", "--installed", "--out", str(tmp_path)).returncode == 0
    schema = json.loads((tmp_path / "gateway.json").read_text())
    assert schema["$defs"]["provider.journal"]["properties"]["path"]["description"].startswith("The file")
    text = (EXAMPLE / "gateway.yaml").read_text()
    (tmp_path / "gateway.yaml").write_text(text)
    (tmp_path / "wrong.yaml").write_text(text.replace("path:", "pth:"))
    good, wrong = (run("gateway", "validate", str(tmp_path / name)) for name in ("gateway.yaml", "wrong.yaml"))
    assert good.returncode == 0, good.stdout
    assert wrong.returncode == 1
    assert "MG0202" in wrong.stdout
    assert "did you mean 'path'" in wrong.stdout


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "validate", str(EXAMPLE / "gateway.yaml")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "MG0204" in done.stdout
