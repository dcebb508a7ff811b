"""The benchmark measures what it says, and ends by itself."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROWS = ["memory, add", "memory, get", "sqlite, add", "sqlite, add", "sqlite, search", "sqlite, search"]


def leftovers() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("bench-*"))


def test_a_short_run_fills_every_row_and_leaves_nothing_behind() -> None:
    before, started = leftovers(), time.monotonic()
    short = ["--rounds", "1", "--seconds", "0.05", "--connections", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.wire", *short], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    head, rule, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in done.stdout.splitlines()]
    assert len(rule) == len(head) == 11
    assert [row[0] for row in rows] == ROWS
    for row in rows:
        rps, beside, ratio = (float(row[head.index(name)].strip("*").replace(",", "")) for name in
                              ("rps", "its rps", "**rps to it**"))  # fmt: skip
        assert rps > 0
        assert beside > 0
        assert abs(ratio - rps / beside) < 0.01 + 0.01 * ratio
    assert time.monotonic() - started < 30
    assert leftovers() == before


def test_what_tenants_cost_is_told_in_a_row_for_each_number() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.tenants", "--own", "20", "30"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["tenants", "20", "30"]
    assert all(float(row[5]) > 0 for row in rows[1:])
