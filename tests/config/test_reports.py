"""What CI systems and editors read: SARIF, JUnit, annotations and JSON, each as its format asks for it."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from gateway.config.catalog import Catalog
from gateway.config.codes import CODES
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.levels import LEVELS, stage_of
from gateway.config.report import FORMS
from gateway.config.report.annotations import LIMIT, SUMMARY_BYTES, ranked, render_summary
from gateway.config.report.document import report_schema
from gateway.config.verdict import Verdict, judge
from tests.config.corpus import cases
from tests.config.plugins import catalog
from tests.config.sample import write

ROOT = Path(__file__).parents[2]
GATEWAY = """version: 1
providers: {main: {type: memory}}
chains: {spare: [{provider: main}]}
defaults: {chain: main}
include: tenants/*.yaml
"""
TENANT = """tenant: NAME
auth: {mode: keys}
routes: {r: {default: true}}
"""
BROKEN = TENANT.replace("default: true", "default: true, chain: mian, tll: 3d")
FILES: dict[str, str | bytes] = {
    "gateway.yaml": GATEWAY,
    "tenants/good.yaml": TENANT.replace("NAME", "good"),
    "tenants/bad.yaml": BROKEN.replace("NAME", "bad"),
}


def check(folder: Path, files: dict[str, str | bytes] = FILES) -> Compiled:
    return compile_config(write(folder, files), {}, Catalog.builtin())


def sarif(verdict: Verdict, base: Path) -> dict[str, Any]:
    return json.loads(FORMS["sarif"](verdict, base))["runs"][0]


def test_every_json_report_satisfies_the_committed_schema() -> None:
    schema = json.loads((ROOT / "schemas/diagnostics.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    for number, case in enumerate(cases()[::3]):
        compiled = compile_config(case.file, case.env, catalog(*case.problems))
        for level in LEVELS if number % 7 == 0 else LEVELS[-1:]:
            body = json.loads(FORMS["json"](judge(compiled, upto=level), case.file.parent))
            assert [error.message for error in validator.iter_errors(body)] == [], case.name


def test_the_schema_of_reports_refuses_what_is_no_report() -> None:
    """The counter-test: without it, a schema that takes anything would pass above."""
    validator: Any = Draft202012Validator(json.loads(report_schema()))
    body = json.loads(
        FORMS["json"](judge(compile_config(ROOT / "configs/quickstart.yaml", {}, Catalog.builtin())), ROOT)
    )
    assert validator.is_valid(body)
    assert not validator.is_valid({**body, "more": 1})
    assert not validator.is_valid({key: value for key, value in body.items() if key != "levels"})
    assert not validator.is_valid({**body, "findings": [{"code": "MG0301"}]})


def test_sarif_has_what_2_1_0_asks_for(tmp_path: Path) -> None:
    verdict = judge(check(tmp_path))
    body = json.loads(FORMS["sarif"](verdict, tmp_path))
    assert body["version"] == "2.1.0" and body["$schema"].endswith("sarif-2.1.0.json")
    (run,) = body["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] and [rule["id"] for rule in driver["rules"]] == list(CODES)
    assert all(re.fullmatch(r"[A-Z0-9]\w*", rule["name"]) for rule in driver["rules"])
    assert len({rule["name"] for rule in driver["rules"]}) == len(CODES)
    assert all(rule["help"]["text"] and "Mended" in rule["help"]["markdown"] for rule in driver["rules"])
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(run["results"]) == len(verdict.findings) == 2
    for result in run["results"]:
        rule = driver["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning") and result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert (tmp_path / place["artifactLocation"]["uri"]).is_file()
        assert place["region"]["startLine"] >= 1 and place["region"]["startColumn"] >= 1
        assert place["region"].get("endColumn", 10**6) > place["region"]["startColumn"]
        (mark,) = result["partialFingerprints"].values()
        assert re.fullmatch("[0-9a-f]{32}", mark)
    assert run["properties"]["levelsNotRun"] == ["probe"]


def test_a_file_outside_the_sources_and_a_name_with_spaces_are_uris(tmp_path: Path) -> None:
    compiled = check(tmp_path / "a b", {"gateway.yaml": GATEWAY})
    uri = sarif(judge(compiled), tmp_path)["artifacts"][0]["location"]["uri"]
    assert uri == "a%20b/gateway.yaml"
    location = sarif(judge(compiled), tmp_path / "elsewhere")["artifacts"][0]["location"]
    assert location["uri"].startswith("file:///") and "uriBaseId" not in location


def test_fingerprints_stay_while_lines_move_and_differ_between_findings(tmp_path: Path) -> None:
    def marks(files: dict[str, str | bytes]) -> list[str]:
        results = sarif(judge(check(tmp_path, files)), tmp_path)["results"]
        return [next(iter(each["partialFingerprints"].values())) for each in results]

    before = marks(FILES)
    assert len(set(before)) == len(before)
    moved = {name: f"# a comment\n\n{text!s}" for name, text in FILES.items()}
    assert marks({**moved}) == before
    other = marks({**FILES, "tenants/bad.yaml": BROKEN.replace("NAME", "bad").replace("mian", "main")})
    assert len(set(before) & set(other)) == len(before) - 1


def test_two_findings_at_one_pointer_have_two_fingerprints(tmp_path: Path) -> None:
    text = GATEWAY.replace(
        "include: tenants/*.yaml",
        "tenants: {a: {auth: {mode: open}, routes: {r: {match: {}, kinds: [memory, message]}}}}",
    )
    results = sarif(judge(check(tmp_path, {"gateway.yaml": text.replace("chains", "x-c")})), tmp_path)["results"]
    assert [each["ruleId"] for each in results] == ["MG0309", "MG0309"]
    assert results[0]["partialFingerprints"] != results[1]["partialFingerprints"]


def test_sarif_shows_what_is_allowed_as_suppressed(tmp_path: Path) -> None:
    text = GATEWAY.replace("}]}", "}]}  # mgw: allow MG0313 -- for tomorrow")
    good = {"gateway.yaml": text, "tenants/good.yaml": TENANT.replace("NAME", "good").replace("keys", "open")}
    (result,) = sarif(judge(check(tmp_path, {**good})), tmp_path)["results"]
    assert result["ruleId"] == "MG0313"
    assert result["suppressions"][0]["kind"] == "inSource"
    assert result["suppressions"][0]["justification"] == "for tomorrow"


def junit(verdict: Verdict) -> ET.Element:
    return ET.fromstring(FORMS["junit"](verdict, Path.cwd()))


def test_junit_has_a_case_for_the_gateway_and_each_tenant(tmp_path: Path) -> None:
    root = junit(judge(check(tmp_path)))
    suite = root[0]
    found = {case.get("name"): case for case in suite.iter("testcase")}
    assert set(found) == {"gateway", "tenant bad", "tenant good"}
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "0")
    assert found["gateway"].find("failure") is None and found["tenant good"].find("failure") is None
    failure = found["tenant bad"].find("failure")
    assert failure is not None and failure.text is not None
    assert failure.get("type") == "MG0301"
    assert "bad.yaml:3:36: error[MG0301]" in failure.text and "did you mean 'main'?" in failure.text
    assert "MG0202" in failure.text
    assert {each.get("name"): each.get("value") for each in suite.iter("property")}["levels.not_run"] == "probe"


def test_junit_fails_on_warnings_only_where_they_are_denied(tmp_path: Path) -> None:
    files = {**FILES}
    del files["tenants/bad.yaml"]
    compiled = check(tmp_path, files)
    loose, strict = junit(judge(compiled)), junit(judge(compiled, deny_warnings=True))
    assert (loose.get("failures"), strict.get("failures")) == ("0", "2")
    output = [each.text or "" for each in loose.iter("system-out")]
    assert any("MG0313" in text for text in output) and any("MG0505" in text for text in output)


def test_junit_skips_the_tenants_of_a_broken_gateway(tmp_path: Path) -> None:
    root = junit(judge(check(tmp_path, {**FILES, "gateway.yaml": GATEWAY + "polcy: {}\n"})))
    skipped = [case.get("name") for case in root.iter("testcase") if case.find("skipped") is not None]
    assert skipped == ["tenant good"]
    assert root.get("failures") == "2"


def test_junit_is_xml_whatever_a_config_holds(tmp_path: Path) -> None:
    for text in ('"a\\u0001<&]]>": 1\n', "a\0b: 1\n"):
        junit(judge(check(tmp_path, {"gateway.yaml": GATEWAY + text})))


def _many(folder: Path) -> Verdict:
    """Twelve tenants, each with the same unknown key, and two that have something else wrong."""
    files: dict[str, str | bytes] = {"gateway.yaml": GATEWAY}
    for number in range(12):
        files[f"tenants/t{number:02}.yaml"] = TENANT.replace("NAME", f"t{number:02}") + "tll: 3d\n"
    files["tenants/z.yaml"] = BROKEN.replace("NAME", "z")
    files["gateway.yaml"] = GATEWAY + "policy: {max_top_k: none}\n"
    return judge(check(folder, files))


def test_annotations_are_ten_of_each_and_the_rest_is_counted(tmp_path: Path) -> None:
    verdict = _many(tmp_path)
    lines = FORMS["github"](verdict, tmp_path).splitlines()
    assert len(verdict.of(Severity.ERROR)) == 15
    assert sum(line.startswith("::error ") for line in lines) == LIMIT == 10
    assert any(line.startswith("5 more errors") for line in lines)
    assert all("file=tenants/" in line or "file=gateway.yaml" in line for line in lines if line.startswith("::"))


def test_annotations_show_every_kind_of_error_before_any_twice_and_the_gateway_first(tmp_path: Path) -> None:
    verdict = _many(tmp_path)
    codes = [note.code for note in ranked(verdict, Severity.ERROR)]
    assert codes[0] == "MG0201"
    assert set(codes[:3]) == set(codes) == {"MG0201", "MG0202", "MG0301"}
    by_place = [note.code for note in verdict.findings if note.severity is Severity.ERROR]
    assert set(by_place[1:11]) == {"MG0202"}, "by place alone, ten of one kind would hide the rest"


def test_the_summary_holds_every_finding_and_nothing_that_markdown_would_run(tmp_path: Path) -> None:
    verdict = _many(tmp_path)
    text = render_summary(verdict, tmp_path)
    assert sum(line.startswith("| error |") for line in text.splitlines()) == 15
    assert "15 errors" in text and "not run: probe" in text
    odd = judge(check(tmp_path, {"gateway.yaml": GATEWAY + '"<img src=x>|`[a](b)": 1\n'}))
    told = render_summary(odd, tmp_path)
    assert "<img" not in told and "[a](b)" not in told
    assert all(line.count("|") == 6 for line in told.splitlines() if line.startswith("|"))


def test_a_summary_too_large_to_be_shown_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.config.report.annotations.SUMMARY_BYTES", 1200)
    text = render_summary(_many(tmp_path), tmp_path)
    assert len(text.encode()) < 1400 < SUMMARY_BYTES
    assert re.search(r"\n\d+ more findings do not fit here\.", text)


def test_every_code_belongs_to_a_level() -> None:
    assert {stage_of(code) for code in CODES} == {*LEVELS, "probe"}
