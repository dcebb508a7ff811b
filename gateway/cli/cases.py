"""What config tests came to, as text and as JUnit XML; and how much of each tenant they reached."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from gateway.config.cases.suite import Suite
from gateway.config.diagnostics import Diagnostic
from gateway.services.rehearsing import Played


class CaseRun(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a suite and what came of it."""

    suite: Suite
    number: int
    played: Played

    @property
    def name(self) -> str:
        return self.suite.written.cases[self.number].name

    @property
    def passed(self) -> bool:
        return not self.played.misses

    def told(self) -> Iterator[str]:
        """A sentence for each expectation that was not met, with its place in the file."""
        for miss in self.played.misses:
            mark = self.suite.mark(self.number, *miss.where)
            what = ".".join(map(str, miss.where))
            yield f"{mark.file}:{mark.line}:{mark.column}: {what}: expected {miss.expected}, got {miss.actual}"


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The routes of one tenant of one configuration, and those that some case reached."""

    target: Path
    tenant: str
    routes: frozenset[str]
    reached: frozenset[str]

    @property
    def percent(self) -> float:
        return 100 * len(self.reached) / len(self.routes)

    def line(self) -> str:
        missing = sorted(self.routes - self.reached)
        left = f"; never: {', '.join(missing)}" if missing else ""
        return f"coverage  {self.tenant}: {len(self.reached)}/{len(self.routes)} routes ({self.percent:.0f}%){left}"


def coverage(runs: Iterable[CaseRun]) -> list[Reached]:
    """Every tenant of every configuration that was tested, those without a case too."""
    routes: dict[tuple[Path, str], frozenset[str]] = {}
    reached: dict[tuple[Path, str], set[str]] = {}
    for one in runs:
        suite = one.suite
        target = suite.config.files[0].resolve()
        for name, tenant in suite.config.tenants.items():
            routes[target, name] = frozenset(route.name for route in tenant.routes)
        if one.played.route:
            key = (target, suite.tenant(suite.written.cases[one.number]))
            reached.setdefault(key, set()).add(one.played.route)
    return [
        Reached(target=key[0], tenant=key[1], routes=known, reached=frozenset(reached.get(key, ())))
        for key, known in sorted(routes.items())
        if known
    ]


def finding(note: Diagnostic) -> str:
    return f"{note.line()}\n    = {note.hint}" if note.hint else note.line()


def junit(runs: Iterable[CaseRun], broken: Mapping[Path, Iterable[Diagnostic]]) -> str:
    """One suite for each file. A file that could not be read is a case with an error."""
    root = ET.Element("testsuites")
    suites: dict[Path, Any] = {}

    def suite(file: Path) -> Any:
        if file not in suites:
            suites[file] = ET.SubElement(root, "testsuite", name=str(file))
        return suites[file]

    for one in runs:
        file = str(one.suite.file)
        case = ET.SubElement(suite(one.suite.file), "testcase", name=_clean(one.name), classname=file)
        if not one.passed:
            failure = ET.SubElement(case, "failure", message=_clean(next(one.told())))
            failure.text = _clean("\n".join(one.told()))
    for file, notes in broken.items():
        case = ET.SubElement(suite(file), "testcase", name="the file can be read", classname=str(file))
        error = ET.SubElement(case, "error", message="the file cannot be used")
        error.text = _clean("\n".join(note.line() for note in notes))
    for each in suites.values():
        each.set("tests", str(len(each)))
        each.set("failures", str(len(each.findall("testcase/failure"))))
        each.set("errors", str(len(each.findall("testcase/error"))))
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(each if each in "\t\n" or each >= " " else "\N{REPLACEMENT CHARACTER}" for each in text)
