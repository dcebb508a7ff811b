"""Findings as JUnit XML, the form of test reports: a case for the gateway's own file and for each tenant.

A case fails with what fails the check; other warnings are in its output. A tenant of a broken gateway was not served,
so its case is skipped unless it has errors of its own.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from gateway.config.diagnostics import Diagnostic
from gateway.config.report.text import place, summary
from gateway.config.verdict import Verdict

SUITE: Final = "memory-gateway validate"
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # no part of XML 1.0


def render_junit(verdict: Verdict, base: Path) -> str:
    """Files are named as they were given."""
    del base
    compiled = verdict.compiled
    found: dict[str, list[Diagnostic]] = {"": [], **{name: [] for name in compiled.tenants | verdict.broken}}
    for note in verdict.findings:
        found.setdefault(compiled.owner(note), []).append(note)
    suite = ET.Element("testsuite", name=SUITE)
    levels = ET.SubElement(suite, "properties")
    for name, stages in (("levels.run", verdict.run), ("levels.not_run", verdict.not_run)):
        ET.SubElement(levels, "property", name=name, value=", ".join(stages))
    cases = [_case(suite, verdict, owner, notes) for owner, notes in sorted(found.items())]
    ET.SubElement(suite, "system-out").text = _clean("\n".join(summary(verdict)))
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": 0,
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    root = ET.Element("testsuites", {"name": SUITE, **suite.attrib, "time": "0"})
    suite.set("time", "0")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _case(suite: ET.Element, verdict: Verdict, owner: str, notes: Sequence[Diagnostic]) -> ET.Element:
    file = next((str(path) for path, name in verdict.compiled.owners.items() if name == owner), "")
    name = f"tenant {owner}" if owner else "gateway"
    where = {"classname": "configuration", "file": _clean(file or str(verdict.compiled.file)), "time": "0"}
    case = ET.SubElement(suite, "testcase", {"name": _clean(name), **where})
    failing = [each for each in notes if verdict.fails(each)]
    if failing:
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        message = _clean(f"{failing[0].code}: {failing[0].message}{more}")
        failure = ET.SubElement(case, "failure", message=message, type=failing[0].code)
        failure.text = _clean("\n".join(_lines(failing)))
    elif owner and verdict.refused:
        ET.SubElement(case, "skipped", message="not served: the gateway's own file is broken")
    if rest := [each for each in notes if not verdict.fails(each)]:
        ET.SubElement(case, "system-out").text = _clean("\n".join(_lines(rest)))
    return case


def _lines(notes: Sequence[Diagnostic]) -> list[str]:
    lines: list[str] = []
    for note in notes:
        lines += [note.line(), *([f"    {note.hint}"] if note.hint else [])]
        lines += [f"    {place(each.mark)}: {each.message}" for each in note.related]
    return lines


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
