"""The conformance matrix: clauses against subjects, in the terminal and as Markdown.

A clause that a subject is not capable of is always printed, never silent. Loaded with `-p gateway.testing.report`.
"""

from pathlib import Path
from typing import Any

import pytest

from gateway.testing.subjects import MANY

CASES = 1  # of a clause with many, on a subject that is slow
_OPEN, _CLOSE = "<!-- conformance -->", "<!-- /conformance -->"
_RANK = {"pass": 0, "not capable": 1, "spared": 2, "absent": 3, "fail": 4}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--conformance-report", metavar="FILE", help="write the matrix there, as Markdown")
    group.addoption(
        "--conformance-whole", action="store_true", help=f"all cases of every clause on slow subjects too, not {CASES}"
    )
    group.addoption(
        "--conformance-summary", metavar="FILE", help="write one line per subject between the marks in that file"
    )
    group.addoption(
        "--conformance-subjects", metavar="MODULE:NAME", help="run the clauses against these subjects instead"
    )
    parser.addini("conformance_subjects", "the subjects where the option names none: module:NAME", default="")


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): tests that one process runs")
    config.addinivalue_line("markers", "needs(*words): capabilities or kinds without which the clause says nothing")
    config.pluginmanager.register(
        Matrix(config.getoption("--conformance-report"), config.getoption("--conformance-summary")),
        "conformance-matrix",
    )


@pytest.hookimpl(tryfirst=True)  # before items are given to processes
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--conformance-whole"):
        _thin(config, items)
    for item in items:
        callspec: Any = getattr(item, "callspec", None)
        subject = callspec.params.get("subject") if callspec else None
        if subject is not None:
            item.add_marker(pytest.mark.xdist_group(subject.name))  # one process starts its server
            theme = item.path.stem.removeprefix("test_")
            clause = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
            item.user_properties.append(
                ("conformance", [theme, clause, subject.name, subject.against, subject.through])
            )


def _thin(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, of clauses with many cases, all but the first few on slow subjects."""
    seen: dict[tuple[str, str, str], int] = {}
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        callspec: Any = getattr(item, "callspec", None)
        subject = callspec.params.get("subject") if callspec else None
        place = (str(item.path), getattr(item, "originalname", item.name), subject.name if subject else "")
        seen[place] = seen.get(place, 0) + 1
        (left if subject is not None and subject.many < MANY and seen[place] > CASES else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


class Matrix:
    """Collects what the clauses said. The worst of a clause's cases stands for it."""

    def __init__(self, file: str | None, summary: str | None) -> None:
        self._file = file
        self._summary = summary
        self._cells: dict[tuple[str, str], dict[str, str]] = {}
        self._subjects: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name != "conformance" or (report.when != "call" and report.passed):
                continue
            theme, clause, subject, against, through = (str(part) for part in value)  # type: ignore[union-attr]  # set above
            self._subjects[subject] = f"{against}: {through}" if through else against
            row = self._cells.setdefault((theme, clause), {})
            said = "fail" if report.failed else _skipped(report) if report.skipped else "pass"
            row[subject] = max(row.get(subject, "pass"), said, key=_RANK.__getitem__)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._cells:
            return
        terminalreporter.section("conformance")
        for subject, against in self._subjects.items():
            said = [row[subject] for row in self._cells.values() if subject in row]
            counts = ", ".join(f"{said.count(word)} {word}" for word in _RANK)
            terminalreporter.write_line(f"{subject} ({against}): {counts}")
            for (theme, clause), row in sorted(self._cells.items()):
                if row.get(subject, "pass") != "pass":
                    terminalreporter.write_line(f"  {row[subject]}: {theme}: {clause}")
        if self._file:
            head = "# What every backend passes\n\nWritten by a run of the clauses; see `gateway/testing`.\n\n"
            Path(self._file).write_text(f"{head}{self.summary()}\n{self.markdown()}", encoding="utf-8")
        if self._summary:
            path = Path(self._summary)
            before, _, rest = path.read_text(encoding="utf-8").partition(f"{_OPEN}\n")
            _, _, after = rest.partition(_CLOSE)
            path.write_text(f"{before}{_OPEN}\n{self.summary()}{_CLOSE}{after}", encoding="utf-8")

    def summary(self) -> str:
        """One line per subject."""
        lines = ["| backend | run against | clauses passed | not capable | other |", "|---|---|---|---|---|"]
        for subject, against in sorted(self._subjects.items()):
            said = [row[subject] for row in self._cells.values() if subject in row]
            other = ", ".join(f"{said.count(word)} {word}" for word in ("spared", "absent", "fail") if word in said)
            lines.append(f"| `{subject}` | {against} | {said.count('pass')} | {said.count('not capable')} | {other} |")
        return "\n".join(lines) + "\n"

    def markdown(self) -> str:
        subjects = sorted(self._subjects)
        lines = [
            "| theme | clause | " + " | ".join(f"{each} ({self._subjects[each]})" for each in subjects) + " |",
            "|---|---|" + "---|" * len(subjects),
        ]
        for (theme, clause), row in sorted(self._cells.items()):
            lines.append(f"| {theme} | {clause} | " + " | ".join(row.get(each, "not run") for each in subjects) + " |")
        return "\n".join(lines) + "\n"


def _skipped(report: pytest.TestReport) -> str:
    """A server that is not there is another thing than a provider that cannot."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return next((word for word in ("absent", "spared") if f"{word}: " in reason), "not capable")
