"""Findings as SARIF 2.1.0, the form of code scanning: a rule for each code, a result for each finding.

A finding keeps its fingerprint while lines move, so that it stays the same alert; what a comment allows is a result that
is suppressed in the source.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from gateway import __version__
from gateway.config.codes import CODES
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.examples import EXAMPLES
from gateway.config.explaining import in_markdown
from gateway.config.levels import stage_of
from gateway.config.verdict import Exit, Verdict, fingerprints, shown_path

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT: Final = "%SRCROOT%"
FINGERPRINT: Final = "codeTenantPointer/v1"


def render_sarif(verdict: Verdict, base: Path) -> str:
    suppressed = [each.note for each in verdict.allowed]
    results = [
        _result(note, mark, base)
        for note, mark in zip(verdict.findings, fingerprints(verdict, verdict.findings), strict=True)
    ]
    for allowed, mark in zip(verdict.allowed, fingerprints(verdict, suppressed), strict=True):
        why = {"kind": "inSource", "justification": allowed.reason, "location": _location(allowed.mark, base)}
        results.append({**_result(allowed.note, mark, base), "suppressions": [why]})
    run: dict[str, Any] = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"uri": base.as_uri().rstrip("/") + "/"}},
        "invocations": [
            {"executionSuccessful": True, "exitCode": int(verdict.exit()), "exitCodeDescription": _ended(verdict)}
        ],
        "artifacts": [{"location": _artifact(file, base)} for file in verdict.compiled.files],
        "results": results,
        "properties": {"levelsRun": verdict.run, "levelsNotRun": verdict.not_run, "adviceWaits": verdict.waiting},
    }
    return msgspec.json.format(
        msgspec.json.encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}), indent=2
    ).decode()


def _driver() -> dict[str, Any]:
    return {
        "name": "memory-gateway",
        "semanticVersion": __version__,
        "rules": [
            {
                "id": code,
                "name": "".join(word.capitalize() for word in each.title.replace("-", " ").split()),
                "shortDescription": {"text": each.title},
                "fullDescription": {"text": each.about},
                "help": {"text": f"{each.about} {EXAMPLES[code].mend}", "markdown": in_markdown(code)},
                "defaultConfiguration": {"level": each.severity.value},
                "properties": {"tags": ["configuration", stage_of(code)]},
            }
            for code, each in CODES.items()
        ],
    }


def _result(note: Diagnostic, fingerprint: str, base: Path) -> dict[str, Any]:
    text = f"{note.message}. {note.hint}" if note.hint else note.message
    result: dict[str, Any] = {
        "ruleId": note.code,
        "ruleIndex": list(CODES).index(note.code),
        "level": note.severity.value,
        "message": {"text": text},
        "locations": [_location(note.mark, base, note.path)],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }
    if note.related:
        result["relatedLocations"] = [
            {"id": number, **_location(each.mark, base), "message": {"text": each.message}}
            for number, each in enumerate(note.related, 1)
        ]
    return result


def _location(mark: Mark, base: Path, pointer: str = "") -> dict[str, Any]:
    region = {"startLine": mark.line, "startColumn": mark.column}
    if mark.end_column > mark.column:
        region["endColumn"] = mark.end_column
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(mark.file, base), "region": region}}
    if pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": pointer, "kind": "member"}]
    return location


def _artifact(file: Path, base: Path) -> dict[str, str]:
    """Relative to the root of the sources where it lies below it, else as it is."""
    shown = shown_path(file, base)
    if Path(shown).is_absolute():
        return {"uri": Path(shown).as_uri()}
    return {"uri": quote(shown), "uriBaseId": ROOT}


def _ended(verdict: Verdict) -> str:
    return {
        Exit.FINE: "nothing that fails the check",
        Exit.ERRORS: "errors",
        Exit.WARNINGS: "warnings, which are denied",
        Exit.PROBES: "something declared does not open",
    }[verdict.exit()]
