"""`test`: cases pass where the configuration keeps its promise and fail where it does not; their own mistakes are found."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.runtime.stage import staged
from tests.cli.places import ENV, MANY, ROOT, put, run

HEAD = "target: ../gateway.yaml\ntenant: acme\ncases:\n"


def write(folder: Path, cases: str, head: str = HEAD) -> Path:
    put(folder)
    put(folder, {"tests/acme.test.yaml": head + cases})
    return folder / "tests/acme.test.yaml"


def case(expect: str, more: str = "request: {user: ada}") -> str:
    body = "".join(f"    {line}\n" for line in more.splitlines())
    return f"  - name: it holds\n{body}    expect: {expect}\n"


def test_the_example_keeps_its_promises_on_every_route() -> None:
    result = run("test", MANY, "--fail-under", "100")
    assert result.exit_code == 0, result.output
    assert "coverage  acme: 4/4 routes (100%)" in result.stdout and "FAIL" not in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "case"),
    [
        ("strategy: recent, max_memories: 20, time_window_hours: 24", "strategy: recent, max_memories: 20",
         "support agents are answered from the last day only"),
        ("    space: knowledge\n", "", "knowledge belongs to the agent and has a category"),
        (", user: kiosk", "", "the kiosk cannot speak for others"),
        ("required: [category], ", "", "knowledge without a category is not kept"),
        ("agent: [support-*, triage]", "agent: [help-*]", "support agents are answered from the last day only"),
        ("context_tokens: 8000", "context_tokens: 9000", "conversations open with a greeting"),
        ("user: kiosk}", "user: kiosk, roles: [reader, eraser]}", "the kiosk cannot erase"),
        ("notes: {default: true}", "notes: {default: true, scope: {allow: [user], context: [agent]}}", "a request without a user is refused"),
    ],
)  # fmt: skip
def test_a_broken_promise_fails_its_case_and_no_other(tmp_path: Path, old: str, new: str, case: str) -> None:
    for file in MANY.rglob("*.yaml"):
        text = file.read_text().replace("widest_scope: agent", "widest_scope: global")
        kept = file.name.endswith(".test.yaml")
        put(tmp_path, {str(file.relative_to(MANY)): text if kept else text.replace(old, new)})
    result = run("test", tmp_path / "tests/acme.test.yaml")
    assert result.exit_code == 1
    failed = {line.strip().removeprefix("FAIL  ") for line in result.stdout.splitlines() if "FAIL  " in line}
    assert failed == {case}, result.stdout


@pytest.mark.parametrize(
    ("expect", "more", "told"),
    [
        ("{route: drafts}", "request: {user: ada}", "expect.route: expected drafts, got notes"),
        ("{chain: scratch}", "request: {user: ada}", "expect.chain: expected scratch, got main"),
        ("{provider: scratch}", "request: {user: ada}", "expect.provider: expected scratch, got main"),
        ("{effective: {retrieval.top_k: 9}}", "request: {user: ada}", "expect.effective.retrieval.top_k: expected 9, got 5"),
        ("{scope: {user: bob}}", "request: {user: ada}", "expect.scope.user: expected bob, got ada"),
        ("{refused: user_bound}", "request: {user: ada}", "expect.refused: expected user_bound, got not refused"),
        ("{refused: user_bound}", "request: {op: add}", "got refused with 400 missing_scope_part"),
        ("{route: notes}", "request: {op: add}", "expected not refused, got refused with 400 missing_scope_part"),
        ("{stored: {contains: [tea]}}", "request: {user: ada}\nadd: {content: coffee}", "expected tea, got coffee"),
        ("{stored: {not_contains: [coffee]}}", "request: {user: ada}\nadd: {content: coffee}", "nothing with coffee"),
        ("{found: [tea]}", "request: {user: ada}\nsearch: {query: tea}", "expect.found.0: expected tea, got nothing"),
        ("{not_found: [tea]}", "request: {user: ada}\ngiven: [{content: green tea, metadata: {state: open}}]\nsearch: {query: tea}",
         "nothing with tea, got green tea"),
    ],
)  # fmt: skip
def test_a_miss_says_what_was_expected_what_came_and_where(tmp_path: Path, expect: str, more: str, told: str) -> None:
    file = write(tmp_path, case(expect, more))
    result = run("test", file)
    assert result.exit_code == 1 and told in result.stdout, result.output
    line = next(each for each in result.stdout.splitlines() if told in each)
    number = len(file.read_text().splitlines())
    assert f"acme.test.yaml:{number}:" in line


def test_requests_meet_the_real_rules_of_their_caller(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        case("{refused: role_missing}", "as: {key: app}\nrequest: {op: add}")
        + case("{scope: {user: ada}}", "as: {key: app}").replace("it holds", "bound")
        + case("{refused: user_bound}", "as: {user: ada}\nrequest: {user: bob}").replace("it holds", "other")
        + case("{refused: role_missing}", "as: {roles: [reader]}\nrequest: {op: delete}").replace("it holds", "reader"),
    )
    assert run("test", file).exit_code == 0, run("test", file).output


def test_an_expired_key_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, case("{refused: unauthenticated}", "as: {key: app}"))
    assert run("test", file).exit_code == 1
    tenant = tmp_path / "tenants/acme.yaml"
    tenant.write_text(tenant.read_text().replace("user: ada,", 'user: ada, expires: "2029-01-01",'))
    assert run("test", file).exit_code == 0


def test_nothing_is_left_of_one_case_in_the_next(tmp_path: Path) -> None:
    first = case("{stored: {contains: [tea]}}", "request: {user: ada}\nadd: {content: tea}")
    second = case("{stored: {contains: [coffee], not_contains: [tea]}}", "request: {user: ada}\nadd: {content: coffee}")
    assert run("test", write(tmp_path, first + second.replace("it holds", "next"))).exit_code == 0


def test_no_place_of_the_configuration_is_touched(tmp_path: Path) -> None:
    file = write(tmp_path, case("{stored: {contains: [tea]}}", "request: {user: ada}\nadd: {content: tea}"))
    before = set(tmp_path.rglob("*"))
    assert run("test", file).exit_code == 0
    assert set(tmp_path.rglob("*")) == before  # no data/main.db, and nothing spoke to models.test
    compiled = compile_config(tmp_path, ENV, Catalog.builtin())
    assert compiled.config is not None
    played = staged(compiled.config)
    assert {each.type_name for each in played.providers.values()} == {"memory"}
    assert {each.type_name for each in played.embedders.values()} == {"wordllama"}
    assert {each.type_name for each in compiled.config.providers.values()} == {"memory", "sqlite"}


def test_variables_of_the_file_stand_in_for_those_of_the_process(tmp_path: Path) -> None:
    head = HEAD + ""
    env = "".join(f"  {name}: {value!r}\n" for name, value in ENV.items()).replace("'", '"')
    file = write(tmp_path, case("{route: chat, effective: {session.prefill: canary-hello}}",
                                "request: {kind: message, op: add, user: ada, run: r}"), f"env:\n{env}{head}")  # fmt: skip
    assert run("test", file, env={}).exit_code == 0, run("test", file, env={}).output
    file.write_text(file.read_text().replace("{session.prefill: canary-hello}", "{session.prefill: else}"))
    result = run("test", file, env={})
    assert result.exit_code == 1 and "${env:HELLO}" in result.stdout and "canary" not in result.stdout


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (HEAD.replace("gateway.yaml", "none.yaml") + case("{route: notes}"), "MG1001", "1:9"),
        (HEAD.replace("acme", "acmee") + case("{route: notes}"), "MG1002", "2:9"),
        (HEAD.replace("tenant: acme\n", "") + case("{route: notes}"), "MG1002", "3:5"),
        (HEAD + case("{route: notes}", "as: {key: nobody}"), "MG1003", "5:15"),
        (HEAD + case("{route: notez}"), "MG1004", "6:21"),
        (HEAD + case("{effective: {retrieval.topk: 1}}"), "MG1004", "6:26"),
        (HEAD + case("{route: notes}") + case("{route: notes}"), "MG1005", "7:11"),
        (HEAD + case("{}"), "MG1005", "6:13"),
        (HEAD + case("{found: [x]}"), "MG1005", "6:13"),
        (HEAD + case("{stored: {contains: [x]}}"), "MG1005", "6:13"),
        (HEAD + case("{route: notes}", "add: {content: x}\nsearch: {query: x}"), "MG1005", "6:13"),
        (HEAD + case("{route: notes}", "as: {key: app, user: x}"), "MG1005", "5:9"),
        (HEAD + case("{route: notes}", "add: {content: x}\nrequest: {kind: message}"), "MG1005", "6:14"),
        (HEAD + case("{rout: notes}"), "MG0202", "6:14"),
        (HEAD + case("{route: 7}"), "MG0201", "6:21"),
        (HEAD + case("{route: notes}", "given: [{content: x, age: 3}]"), "MG0201", "5:31"),
        ("tenant: acme\ncases: []\n", "MG0203", "1:1"),
        ("cases: [\n", "MG0001", "2:1"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_test_file_is_told_at_its_place(tmp_path: Path, text: str, code: str, place: str) -> None:
    file = write(tmp_path, text, "")
    result = run("test", file)
    assert result.exit_code == 1
    assert f"acme.test.yaml:{place}: error[{code}]" in result.stderr, result.stderr
    assert "not usable" in result.stdout


def test_a_tenant_that_is_broken_is_told_and_others_can_be_tested(tmp_path: Path) -> None:
    file = write(tmp_path, case("{route: notes}"))
    put(tmp_path, {"tenants/globex.yaml": "tenant: globex\nroutes: {x: {chian: main}}\n"})
    assert run("test", file).exit_code == 0
    file.write_text(file.read_text().replace("acme", "globex"))
    result = run("test", file)
    assert result.exit_code == 1 and "MG1001" in result.stderr


def test_coverage_names_what_no_case_reaches_and_can_be_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, case("{route: notes}"))
    result = run("test", file)
    assert "coverage  acme: 1/3 routes (33%); never: chat, drafts" in result.stdout and result.exit_code == 0
    assert run("test", file, "--fail-under", "33").exit_code == 0
    thin = run("test", file, "--fail-under", "34")
    assert thin.exit_code == 1 and "34% are asked for" in thin.stderr


def test_junit_holds_every_case_with_its_failure(tmp_path: Path) -> None:
    file = write(tmp_path, case("{route: notes}") + case("{route: drafts}").replace("it holds", "it <fails> & 'so'"))
    put(tmp_path, {"tests/bad.test.yaml": "cases: []\n"})
    report = tmp_path / "report.xml"
    assert run("test", tmp_path, "--junit", report).exit_code == 1
    suites: dict[str, Any] = {Path(each.get("name", "")).name: each for each in ET.parse(report).getroot()}
    good, bad = suites["acme.test.yaml"], suites["bad.test.yaml"]
    assert (good.get("tests"), good.get("failures"), bad.get("errors")) == ("2", "1", "1")
    failed = good[1]
    assert failed.get("name") == "it <fails> & 'so'" and "expected drafts, got notes" in failed[0].text
    assert str(file) in failed[0].text


def test_a_folder_without_tests_is_wrong_usage(tmp_path: Path) -> None:
    assert run("test", tmp_path).exit_code == 2


def test_tests_beside_tenants_are_not_taken_for_tenants(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, {"tenants/acme.test.yaml": HEAD + case("{route: notes}")})
    compiled = compile_config(tmp_path, ENV, Catalog.builtin())
    assert compiled.diagnostics == () and not any("test" in file.name for file in compiled.files)
    assert run("test", tmp_path).exit_code == 0


def test_the_schema_of_tests_is_committed_and_the_examples_name_it() -> None:
    for file in (MANY / "tests").glob("*.yaml"):
        first = file.read_text().splitlines()[0]
        assert (file.parent / first.partition("$schema=")[2]).resolve() == ROOT / "schemas/configtest.json"


def test_the_example_of_the_documents_keeps_its_promises(tmp_path: Path) -> None:
    shown = (ROOT / "docs/changing.md").read_text().split("```")
    text = next(block.lstrip("\n") for block in shown if "target: ../gateway.yaml" in block)
    put(
        tmp_path,
        {str(file.relative_to(MANY)): file.read_text() for file in MANY.rglob("*.yaml") if "test" not in file.name},
    )
    put(tmp_path, {"tests/shown.test.yaml": text})
    result = run("test", tmp_path)
    assert result.exit_code == 0 and "2 cases: 2 ok" in result.stdout, result.output
