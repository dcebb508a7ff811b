"""Findings as a JSON document. Its schema is generated from these types and committed as schemas/diagnostics.json."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.config.diagnostics import Diagnostic, Mark, Severity
from gateway.config.levels import Stage
from gateway.config.verdict import Verdict, fingerprints

VERSION: Final = 1
Line = Annotated[int, Meta(ge=1, description="Counted from 1.")]


class Related(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another place that the finding is about."""

    file: str
    line: Line
    column: Line
    end_column: Annotated[int, Meta(ge=0, description="One after the last character; 0 where it ends elsewhere.")]
    message: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(pattern=r"^MG\d{4}$", description="Stable; `memory-gateway explain-code` explains it.")]
    severity: Severity
    raised: Annotated[bool, Meta(description="A warning that `lint` made an error; it is served all the same.")]
    file: str
    line: Line
    column: Annotated[int, Meta(ge=1, description="In characters, from 1.")]
    end_column: Annotated[int, Meta(ge=0, description="One after the last character; 0 where it ends elsewhere.")]
    path: Annotated[str, Meta(description="JSON pointer inside the file; empty where it has none.")]
    tenant: Annotated[str, Meta(description="Whom it belongs to; empty for the gateway.")]
    message: str
    hint: Annotated[str, Meta(description="What to do.")]
    related: list[Related]
    fingerprint: Annotated[str, Meta(description="Stays while lines above the place come and go.")]


class AllowedFinding(Finding, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warning that a comment allows."""

    reason: str


class Levels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    run: list[Stage]
    not_run: list[Stage]
    waiting: Annotated[
        bool, Meta(description="What is missing or unused was not asked about, because something is broken.")
    ]


class Tenants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ok: list[str]
    broken: list[str]


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `memory-gateway validate --format json` prints."""

    version: Annotated[int, Meta(description="Of this form.")]
    ok: Annotated[bool, Meta(description="Whether there is no error.")]
    exit: Annotated[int, Meta(ge=0, le=4, description="The exit code of the check.")]
    errors: Annotated[int, Meta(ge=0)]
    warnings: Annotated[int, Meta(ge=0)]
    elsewhere: Annotated[int, Meta(ge=0, description="Findings in files that `--only` did not ask about.")]
    digest: Annotated[str, Meta(description="Of every byte that was read, referenced values included.")]
    files: list[str]
    levels: Levels
    gateway: Annotated[bool, Meta(description="Whether the gateway's own file has no error.")]
    tenants: Annotated[Tenants, Meta(description="By their own text; while the gateway is broken none is served.")]
    findings: list[Finding]
    allowed: list[AllowedFinding]


def render_json(verdict: Verdict, base: Path) -> str:
    """Files are named as they were given."""
    del base
    compiled = verdict.compiled
    notes = [each.note for each in verdict.allowed]
    report = Report(
        version=VERSION,
        ok=not verdict.of(Severity.ERROR),
        exit=verdict.exit(),
        errors=len(verdict.of(Severity.ERROR)),
        warnings=len(verdict.of(Severity.WARNING)),
        elsewhere=verdict.elsewhere,
        digest=compiled.digest,
        files=[str(file) for file in compiled.files],
        levels=Levels(run=list(verdict.run), not_run=list(verdict.not_run), waiting=verdict.waiting),
        gateway=not verdict.refused,
        tenants=Tenants(ok=list(verdict.whole), broken=sorted(verdict.broken)),
        findings=[
            Finding(**_plain(each, verdict, mark))
            for each, mark in zip(verdict.findings, fingerprints(verdict, verdict.findings), strict=True)
        ],
        allowed=[
            AllowedFinding(**_plain(each.note, verdict, mark), reason=each.reason)
            for each, mark in zip(verdict.allowed, fingerprints(verdict, notes), strict=True)
        ],
    )
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def report_schema() -> str:
    """The text of the schema that every such document satisfies."""
    _, components = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    root = components.pop("Report")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:memory-gateway:schema:v{VERSION}:diagnostics",
        **root,
        "title": "Memory Gateway: what a check found",
        "$defs": dict(sorted(components.items())),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _plain(note: Diagnostic, verdict: Verdict, fingerprint: str) -> dict[str, Any]:
    return {
        "code": note.code,
        "severity": note.severity,
        "raised": note.raised,
        **_spot(note.mark),
        "path": note.path,
        "tenant": verdict.compiled.owner(note),
        "message": note.message,
        "hint": note.hint,
        "related": [Related(**_spot(each.mark), message=each.message) for each in note.related],
        "fingerprint": fingerprint,
    }


def _spot(mark: Mark) -> dict[str, Any]:
    return {"file": str(mark.file), "line": mark.line, "column": mark.column, "end_column": mark.end_column}
