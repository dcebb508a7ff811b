"""`validate` and `explain-code` as CI calls them: levels, several reports, probes, files of a commit, exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config.codes import CODES
from tests.config.sample import write

GOOD = """version: 1
providers: {main: {type: memory, embedder: none}}
defaults: {chain: main, retrieval: {strategy: recent}}
tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""
SPARE = GOOD + "chains: {spare: [{provider: main}]}\n"
UNSET = GOOD + 'labels: {owner: "${env:MG_TEST_NO_SUCH_VARIABLE}"}\n'
NOWHERE = GOOD.replace("{type: memory,", "{type: sqlite, path: gateway.yaml/x.db,")


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] -- a fixture
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def validate(folder: Path, text: str, *flags: str) -> Result:
    file = write(folder, {"gateway.yaml": text})
    return CliRunner().invoke(main, ["validate", str(file), *flags])


@pytest.mark.parametrize(
    ("text", "flags", "code"),
    [
        (GOOD, ["--probe"], 0),
        (NOWHERE, [], 0),
        (NOWHERE, ["--probe"], 4),
        (NOWHERE + "chains: {spare: [{provider: main}]}\n", ["--probe"], 4),
        (NOWHERE + "chains: {spare: [{provider: main}]}\n", ["--probe", "--deny-warnings"], 3),
        (NOWHERE + "x: 1\n", ["--probe"], 1),
        (SPARE, ["--deny-warnings"], 3),
        (SPARE + "lint: {MG0313: error}\n", [], 1),
        (SPARE + "lint: {MG0313: 'off'}\n", ["--deny-warnings"], 0),
        (UNSET, [], 1),
        (UNSET, ["--level", "meaning"], 0),
        (GOOD, ["--level", "meaning", "--probe"], 2),
        (GOOD, ["--level", "deep"], 2),
        (GOOD, ["--format", "sarif", "--format", "text"], 2),
        (GOOD, ["--format", "json", "--format", "json"], 2),
        (GOOD, ["--format", "text", "--format", "github"], 0),
        (GOOD, ["--format", "json=no/such/folder/x.json"], 2),
        (GOOD, ["--format", "json="], 2),
        (GOOD, ["another.yaml"], 2),
        (GOOD, ["--only"], 0),
    ],
)
def test_validate_ends_with_the_code_that_the_docs_name(tmp_path: Path, text: str, flags: list[str], code: int) -> None:
    result = validate(tmp_path, text, *flags)
    assert result.exit_code == code, result.output


LEVELS = {
    "syntax": "x: {a: 1, a: 2}\n",
    "structure": "defalts: {}\n",
    "references": "profiles: {p: {chain: none}}\n",
    "meaning": "profiles: {p: {scope: {require: [user], allow: [user]}}}\n",
    "environment": 'labels: {a: "${env:MG_TEST_NO_SUCH_VARIABLE}"}\n',
}


@pytest.mark.parametrize("last", LEVELS)
def test_a_level_finds_what_is_its_own_and_what_came_before_and_no_more(tmp_path: Path, last: str) -> None:
    names = list(LEVELS)
    upto = names[: names.index(last) + 1]
    for name, mistake in LEVELS.items():
        told = json.loads(validate(tmp_path, GOOD + mistake, "--level", last, "--format", "json").output)
        assert (told["errors"] > 0) is (name in upto), name
        assert told["levels"]["run"] == upto
        assert told["levels"]["not_run"] == [*names[len(upto) :], "probe"]


def test_levels_that_could_not_run_are_not_said_to_have_run(tmp_path: Path) -> None:
    for text, ran in (("a: [", ["syntax"]), ("- 1", ["syntax", "structure"]), (GOOD, list(LEVELS))):
        assert json.loads(validate(tmp_path, text, "--format", "json").output)["levels"]["run"] == ran


def test_a_tenant_is_broken_only_by_what_was_looked_at(tmp_path: Path) -> None:
    text = GOOD.replace("default: true", "default: true, scope: {require: [user], allow: [user]}")
    shallow = json.loads(validate(tmp_path, text, "--level", "references", "--format", "json").output)
    deep = json.loads(validate(tmp_path, text, "--format", "json").output)
    assert (shallow["tenants"]["broken"], deep["tenants"]["broken"]) == ([], ["demo"])


def test_every_report_says_which_levels_ran_and_which_did_not(tmp_path: Path) -> None:
    for form in ("text", "github"):
        told = validate(tmp_path, GOOD, "--level", "structure", "--format", form).output
        assert "levels run: syntax, structure | not run: references, meaning, environment, probe" in told
    sarif = json.loads(validate(tmp_path, GOOD, "--level", "structure", "--format", "sarif").output)
    assert sarif["runs"][0]["properties"]["levelsNotRun"] == ["references", "meaning", "environment", "probe"]
    junit = ET.fromstring(validate(tmp_path, GOOD, "--level", "structure", "--format", "junit").output)
    assert [each.get("value") for each in junit.iter("property")] == [
        "syntax, structure", "references, meaning, environment, probe",
    ]  # fmt: skip


def test_what_waits_for_errors_to_be_mended_is_said_to_wait(tmp_path: Path) -> None:
    assert "not asked while there are errors" in validate(tmp_path, UNSET, "--level", "meaning").output
    assert "not asked" not in validate(tmp_path, GOOD, "--level", "meaning").output


def test_several_reports_are_written_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    forms = [f"--format={form}={out / form}" for form in ("json", "sarif", "junit", "github")]
    result = validate(tmp_path, SPARE, *forms, "--format", "text")
    assert "warning[MG0313]" in result.output and result.output.count("levels run") == 1
    assert json.loads((out / "json").read_text())["warnings"] == 1
    assert json.loads((out / "sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "MG0313"
    assert ET.fromstring((out / "junit").read_text()).get("failures") == "0"
    assert (out / "github").read_text().startswith("::warning ")


def test_the_summary_of_a_step_is_added_to_where_github_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    validate(tmp_path, SPARE)
    assert summary.read_text() == "before\n"
    told = validate(tmp_path, SPARE, "--format", "github").output
    assert summary.read_text().startswith("before\n## Memory Gateway configuration")
    assert "| warning | MG0313 | gateway.yaml:5:10 |" in summary.read_text()
    assert told.startswith("::warning file=gateway.yaml,line=5")


def test_a_probe_names_the_declaration_that_does_not_open(tmp_path: Path) -> None:
    told = json.loads(validate(tmp_path, NOWHERE, "--probe", "--format", "json").output)
    (finding,) = told["findings"]
    assert (finding["code"], finding["path"], finding["line"]) == ("MG0803", "/providers/main", 2)
    assert told["levels"]["not_run"] == [] and told["exit"] == 4


def test_only_reports_what_is_in_the_files_that_follow(tmp_path: Path) -> None:
    tenants: dict[str, str | bytes] = {
        f"tenants/{name}.yaml": f"tenant: {name}\nauth: {{mode: keys}}\nroutes: {{r: {{default: true, tll: 1d}}}}\n"
        for name in ("a", "b")
    }
    file = write(tmp_path, {"gateway.yaml": GOOD + "include: tenants/*.yaml\n", **tenants})
    run = CliRunner()
    one = run.invoke(main, ["validate", str(file), "--only", str(tmp_path / "tenants" / ".." / "tenants/a.yaml")])
    assert one.exit_code == 1 and "a.yaml:3" in one.output and "b.yaml:3" not in one.output
    assert "1 error, 0 warnings, 1 in other files not shown" in one.output
    none = run.invoke(main, ["validate", str(file), "--only", str(file)])
    assert none.exit_code == 0 and "2 in other files not shown" in none.output


def test_explain_code_explains_every_code_and_lists_them() -> None:
    run = CliRunner()
    listed = run.invoke(main, ["explain-code"]).output
    for code, entry in CODES.items():
        told = run.invoke(main, ["explain-code", code])
        assert told.exit_code == 0
        assert entry.title in told.output and entry.about in told.output and "Mended, " in told.output
        assert f"{code}  {entry.severity}" in listed


def test_explain_code_takes_small_letters_and_knows_what_was_meant() -> None:
    run = CliRunner()
    assert run.invoke(main, ["explain-code", "mg0307"]).exit_code == 0
    told = run.invoke(main, ["explain-code", "MG03077"])
    assert told.exit_code == 2 and "did you mean MG0307?" in told.output
