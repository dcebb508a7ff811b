"""The suite watched at work: each fault is caught by some clause, a sound provider by none, and the matrix says so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .broken import FAULTS

# Clauses that take long say the same of all but one of the faults; the property test has its own counter-test there.
HEAVY = "not reference_does and (HoldsTheLoop or not (thousands or verb_holds))"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Markdown that one run of the clauses over all faults writes."""
    root = Path(__file__).parent.parent.parent
    file = tmp_path_factory.mktemp("matrix") / "matrix.md"
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "gateway/testing/clauses",
            "-k", HEAVY, "--conformance-subjects=tests.conformance.broken:SUBJECTS", f"--conformance-report={file}"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1, run.stdout.decode()[-2000:]
    return file.read_text(encoding="utf-8")


def failed(matrix: str, name: str) -> list[str]:
    """The clauses that this subject failed, each after its theme."""
    header, _, *rows = matrix[matrix.index("| theme |") :].splitlines()
    columns = [cell.strip() for cell in header.split("|")]
    at = columns.index(f"{name} (stand-in)")
    cells = [re.split(r" ?\| ?", row) for row in rows]
    return [f"{row[1]}: {row[2]}" for row in cells if row[at] == "fail"]


@pytest.mark.parametrize(("fault", "theme"), [(each.__name__, theme) for each, theme in FAULTS.items()])
def test_a_fault_is_caught_by_the_clauses_of_its_theme(fault: str, theme: str, matrix: str) -> None:
    assert [clause for clause in failed(matrix, fault) if clause.startswith(theme)]


def test_a_sound_provider_is_not_accused(matrix: str) -> None:
    assert failed(matrix, "Sound") == []


def test_the_matrix_names_every_subject_and_what_was_not_run(matrix: str) -> None:
    assert matrix[matrix.index("| theme |") :].splitlines()[0].count("(stand-in)") == len(FAULTS) + 1
    assert "| pass |" in matrix
