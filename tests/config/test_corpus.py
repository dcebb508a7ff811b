"""Every broken configuration of the corpus is refused for its own fault, at its place, with advice, and for nothing else."""

import asyncio
from datetime import UTC, datetime
from functools import cache

import msgspec
import pytest

from gateway.config.codes import CODES
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.levels import stage_of
from gateway.config.report import FORMS, Render, render_text
from gateway.config.verdict import judge
from gateway.runtime.probing import probe
from tests.config.corpus import Case, Expected, cases
from tests.config.plugins import catalog

CASES = cases()


@cache
def _compiled(case: Case) -> Compiled:
    compiled = compile_config(case.file, case.env, catalog(*case.problems))
    if case.probe is None:
        return compiled
    probed = asyncio.run(probe(compiled, lambda: datetime.now(UTC), case.probe))
    return msgspec.structs.replace(compiled, diagnostics=(*compiled.diagnostics, *probed))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_config_gets_exactly_the_findings_its_header_names(case: Case) -> None:
    compiled = _compiled(case)
    home = case.file.parent
    found = sorted(
        Expected(
            note.code,
            note.mark.file.relative_to(home).as_posix(),
            note.mark.line,
            note.mark.column,
            next((e.hint for e in case.expected if e.code == note.code and e.hint in note.hint), ""),
            note.severity is Severity.WARNING and CODES[note.code].severity is Severity.ERROR,
        )
        for note in compiled.diagnostics
    )
    told = render_text(compiled)
    assert [_place(each) for each in found] == [_place(each) for each in case.expected], told
    for wanted in case.expected:
        assert any(note.code == wanted.code and wanted.hint in note.hint for note in compiled.diagnostics), told
    assert all(note.hint for note in compiled.diagnostics), told
    if any(note.severity is Severity.ERROR and stage_of(note.code) != "probe" for note in compiled.diagnostics):
        assert compiled.config is None or compiled.broken, told


def test_the_corpus_is_large_and_produces_every_code_of_the_table() -> None:
    produced = {wanted.code for case in CASES for wanted in case.expected} | TESTED_ELSEWHERE
    assert len(CASES) >= 200
    assert produced == set(CODES)


TESTED_ELSEWHERE = {
    "MG0007",  # a file of more than 1 MiB is made by its test
    *(code for code in CODES if code.startswith("MG10")),  # of files that test a configuration
}


@pytest.mark.parametrize("render", FORMS.values(), ids=FORMS)
def test_every_report_of_every_case_can_be_rendered(render: Render) -> None:
    for case in CASES:
        compiled = _compiled(case)
        probes = [note for note in compiled.diagnostics if stage_of(note.code) == "probe"]
        text = render(judge(compiled, probes=probes), case.file.parent)
        assert case.expected[0].code in text


def _place(each: Expected) -> tuple[str, str, int, int, bool]:
    return each.code, each.file, each.line, each.column, each.warning
