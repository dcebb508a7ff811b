"""`lint:` and `# mgw: allow`: how grave warnings are told, never what is served."""

from pathlib import Path

import pytest

from gateway.config.catalog import Catalog
from gateway.config.comments import read_comments
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.report import FORMS, render_text
from gateway.config.text import Text
from gateway.config.verdict import Exit, judge

GOOD = """version: 1
providers: {main: {type: memory}}
defaults: {chain: main}
tenants: {a: {auth: {mode: open}, routes: {r: {default: true}}}}
"""
SPARE = "chains: {spare: [{provider: main}]}"


def check(folder: Path, *lines: str) -> Compiled:
    file = folder / "gateway.yaml"
    file.write_text(GOOD + "\n".join(lines) + "\n")
    return compile_config(file, {}, Catalog.builtin())


def codes(compiled: Compiled) -> list[str]:
    return [note.code for note in compiled.diagnostics]


@pytest.mark.parametrize(
    "lines",
    [
        (f"{SPARE}   # mgw: allow MG0313 -- for tomorrow",),
        ("# mgw: allow MG0313 -- for tomorrow", SPARE),
        ("# mgw: allow MG0313 -- for tomorrow", "# the chain of tomorrow", SPARE),
        ("#mgw:allow MG0313 --for tomorrow", SPARE),
        ("x-a: |   # opens a block", "  text", "# mgw: allow MG0313 -- for tomorrow", SPARE),
        ("x-a: 'it''s # no comment'", f"{SPARE}   # mgw: allow MG0313 -- # for tomorrow"),
    ],
    ids=["same-line", "line-above", "comments-between", "tight", "after-a-block", "after-quotes"],
)
def test_a_warning_is_allowed_where_a_comment_says_why(tmp_path: Path, lines: tuple[str, ...]) -> None:
    compiled = check(tmp_path, *lines)
    assert codes(compiled) == []
    assert [(each.note.code, each.reason.removeprefix("# ")) for each in compiled.allowed] == [
        ("MG0313", "for tomorrow")
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ('x-a: "# mgw: allow MG0313 -- quoted"', SPARE),
        ("x-a: '# mgw: allow MG0313 -- quoted'", SPARE),
        ("x-a: |", "  # mgw: allow MG0313 -- in a block", SPARE),
        ("x-a: >-", "  folded", "  # mgw: allow MG0313 -- in a block", SPARE),
        ('x-a: "over', "  # mgw: allow MG0313 -- in quotes", '  lines"', SPARE),
        ("x-a: b#mgw:allow MG0313 -- no space before it", SPARE),
        ('chains: {"# mgw: allow MG0313 -- a key": [{provider: main}]}',),
    ],
)
def test_a_hash_within_a_value_allows_nothing(tmp_path: Path, lines: tuple[str, ...]) -> None:
    compiled = check(tmp_path, *lines)
    assert compiled.allowed == ()
    assert "MG0313" in codes(compiled) or "MG0206" in codes(compiled)
    assert not {"MG0703", "MG0704"} & set(codes(compiled))


@pytest.mark.parametrize(
    "lines",
    [
        ("# mgw: allow MG0313 -- two lines above", "x-a: 1", SPARE),
        ("# mgw: allow MG0313 -- a blank line between", "", SPARE),
        ("x-a: 1  # mgw: allow MG0313 -- of the line before", SPARE),
    ],
)
def test_an_allowance_that_is_not_at_the_place_allows_nothing_and_is_reported(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    assert sorted(codes(check(tmp_path, *lines))) == ["MG0313", "MG0704"]


def test_a_comment_that_talks_about_allowances_is_none(tmp_path: Path) -> None:
    assert codes(check(tmp_path, "# write `# mgw: allow MG0313 -- why` to keep a warning")) == []


def test_comments_are_found_by_the_scanner_and_not_by_their_sign() -> None:
    body = "a: '# mgw: 1' # mgw: 2\nb: |  # mgw: 3\n  # mgw: 4\n# mgw: 5\nc: [1, # mgw: 6\n 2]\nd: ü # mgw: 7\n"
    comments = read_comments(Text(Path("f"), body), "mgw:")
    assert [(each.text, each.mark.line, each.mark.column, each.alone) for each in comments] == [
        ("mgw: 2", 1, 15, False), ("mgw: 3", 2, 7, False), ("mgw: 5", 4, 1, True), ("mgw: 6", 5, 8, False),
        ("mgw: 7", 7, 6, False),
    ]  # fmt: skip


def test_an_unused_allowance_is_not_reported_while_something_is_broken(tmp_path: Path) -> None:
    """Warnings about what is unused wait until then, so nobody knows yet."""
    compiled = check(tmp_path, "# mgw: allow MG0313 -- for tomorrow", SPARE, "x: 1")
    assert codes(compiled) == ["MG0202"]


def test_a_raised_warning_fails_the_check_and_is_served_all_the_same(tmp_path: Path) -> None:
    compiled = check(tmp_path, SPARE, "lint: {MG0313: error}")
    (note,) = compiled.diagnostics
    assert (note.code, note.severity, note.raised) == ("MG0313", Severity.ERROR, True)
    assert compiled.config is not None and set(compiled.config.tenants) == {"a"} and not compiled.broken
    verdict = judge(compiled)
    assert verdict.exit() is Exit.ERRORS and not verdict.refused
    assert "gateway.yaml:6:8: made an error here; it is served all the same" in render_text(compiled)


def test_without_lint_the_same_is_a_warning(tmp_path: Path) -> None:
    assert judge(check(tmp_path, SPARE)).exit() is Exit.FINE
    assert judge(check(tmp_path, SPARE), deny_warnings=True).exit() is Exit.WARNINGS


def test_a_raised_warning_can_still_be_allowed_at_its_place(tmp_path: Path) -> None:
    compiled = check(tmp_path, f"{SPARE}  # mgw: allow MG0313 -- for tomorrow", "lint: {MG0313: error}")
    assert codes(compiled) == [] and len(compiled.allowed) == 1


def test_a_warning_that_is_off_is_not_told(tmp_path: Path) -> None:
    assert codes(check(tmp_path, SPARE, "lint: {MG0313: off}")) == []
    assert codes(check(tmp_path, SPARE, "lint: {MG0313: warning}")) == ["MG0313"]


def test_what_has_an_error_is_refused_whatever_lint_and_comments_say(tmp_path: Path) -> None:
    for severity in ("off", "warning"):
        compiled = check(
            tmp_path, f"lint: {{MG0301: {severity}}}", "profiles: {p: {chain: no}} # mgw: allow MG0301 -- x"
        )
        assert codes(compiled) == ["MG0702", "MG0301", "MG0702"]
        assert compiled.config is None


def test_a_secret_in_a_quickstart_can_be_allowed_and_in_a_deployment_not(tmp_path: Path) -> None:
    key = 'server: {cursor_key: "0123456789abcdef0123"}  # mgw: allow MG0501 -- a demonstration'
    assert codes(check(tmp_path, key)) == []
    file = tmp_path / "gateway.yaml"
    file.write_text(file.read_text().replace("mode: open", "mode: keys"))
    compiled = compile_config(file, {}, Catalog.builtin())
    assert "MG0501" in codes(compiled) and compiled.config is None


def test_every_report_names_what_was_allowed_or_counts_it(tmp_path: Path) -> None:
    verdict = judge(check(tmp_path, f"{SPARE}  # mgw: allow MG0313 -- for tomorrow"))
    for name, render in FORMS.items():
        told = render(verdict, tmp_path)
        assert "1 allowed" in told or "for tomorrow" in told, name
