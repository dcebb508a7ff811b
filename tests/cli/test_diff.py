"""What `diff` tells of two configurations: settings with their places, instances, and what becomes less safe."""

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalog import Catalog
from gateway.config.comparing.compare import compare
from gateway.config.comparing.instances import actions
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.sameness import needed
from gateway.config.showing import Showing
from gateway.config.written import Written
from gateway.domain.ports import Kit
from gateway.runtime.instances import Instances
from gateway.runtime.use import Use
from tests.cli.places import ENV, GATEWAY, MANY, TENANT, put, run


def changed(folder: Path, *swaps: tuple[str, str]) -> tuple[Path, Path]:
    """The sample, and the sample with each swap made in whichever file has it."""
    old, new = put(folder / "old"), put(folder / "new")
    for before, after in swaps:
        files = [file for file in new.rglob("*.yaml") if before in file.read_text()]
        assert files, before
        for file in files:
            file.write_text(file.read_text().replace(before, after))
    return old, new


def told(folder: Path, *swaps: tuple[str, str], env: dict[str, str] = ENV) -> dict[str, Any]:
    old, new = changed(folder, *swaps)
    result = run("diff", old, new, "--format", "json", env=env)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def config(folder: Path, env: dict[str, str] = ENV) -> Config:
    compiled = compile_config(folder, env, Catalog.builtin())
    assert compiled.config is not None, [each.line() for each in compiled.diagnostics]
    return compiled.config


def test_the_same_written_otherwise_is_no_difference(tmp_path: Path) -> None:
    old, new = changed(
        tmp_path,
        ("retrieval: {top_k: 5, filters: {state: open}}", "retrieval: {filters: {state: open}, max_memories: 5}"),
        ("ttl: 30d", "ttl: 720h\nscope: {require: [user], context: [run, agent]}"),
        ("roles: [reader]", "labels: {a: b}, roles: [reader]"),
    )
    result = run("diff", old, new, "--exit-code")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "no differences")


def test_differences_end_with_five_only_where_asked(tmp_path: Path) -> None:
    old, new = changed(tmp_path, ("top_k: 5", "top_k: 7"))
    assert run("diff", old, new).exit_code == 0
    assert run("diff", old, new, "--exit-code").exit_code == 5


def test_a_setting_is_told_with_both_values_and_the_place_that_decides(tmp_path: Path) -> None:
    old, new = changed(
        tmp_path, ("top_k: 5", "top_k: 7"), ("defaults: {chain: main}", "defaults: {chain: main, history: full}")
    )
    body = json.loads(run("diff", old, new, "--format", "json").stdout)
    notes = next(each for each in body["changes"] if each["name"] == "acme/notes")
    assert {"path": "retrieval.top_k", "old": "5", "new": "7", "old_at": "tenants/acme.yaml:8",
            "new_at": "tenants/acme.yaml:8"} in notes["details"]  # fmt: skip
    assert {"path": "history", "old": "live", "new": "full", "old_at": "", "new_at": "gateway.yaml:9"} in notes[
        "details"
    ]
    text = run("diff", old, new).stdout
    assert "~ route    acme/notes" in text and "retrieval.top_k 5 -> 7" in text and "history live -> full" in text


def test_what_is_added_and_removed_is_told(tmp_path: Path) -> None:
    old, new = changed(tmp_path, ("  drafts: {match: {agent: [draft-*]}, chain: scratch, metadata_schema: {type: object}}",
                                  "  later: {match: {agent: [later]}}"))  # fmt: skip
    put(new, {"tenants/globex.yaml": TENANT.replace("acme", "globex").replace("0001", "0002").replace(
        '    - {hash: "${env:HASH}", claims: {org: "${env:ORG}"}}\n', "").replace("${env:HELLO}", "hi")})  # fmt: skip
    body = json.loads(run("diff", old, new, "--format", "json").stdout)
    signs = {(each["sign"], each["subject"], each["name"]) for each in body["changes"]}
    assert {("add", "route", "acme/later"), ("remove", "route", "acme/drafts"), ("add", "tenant", "globex"),
            ("add", "key", "globex/app"), ("add", "route", "globex/notes")} <= signs  # fmt: skip
    back = json.loads(run("diff", new, old, "--format", "json").stdout)
    assert ("remove", "tenant", "globex") in {(each["sign"], each["subject"], each["name"]) for each in back["changes"]}
    assert any(each["danger"] == "data" and each["name"] == "globex" for each in back["warnings"])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ttl: 30d", "ttl: 30d\nscope: agent", "widened from user to agent"),
        ("ttl: 30d", "ttl: 60d", "records live longer: ttl 30d -> 60d"),
        ("ttl: 30d\n", "", "records live longer: ttl 30d -> unlimited"),
        ("ttl: 30d", "ttl: 30d\nhistory: full", "history live -> full"),
        (", metadata_schema: {type: object}", "", "no longer checked"),
        (", filters: {state: open}", "", "no longer have to pass a filter"),
        ("ttl: 30d", "ttl: 30d\nlimits: {max_content: 2MiB}", "limits.max_content is lifted from 1MiB to 2MiB"),
        ("roles: [reader]", "roles: [reader, eraser]", "gets the role eraser"),
        (", user: ada", "", "no longer bound to a user"),
        (", open_tenants: false", "", "open_tenants lets tenants"),
        ("widest_scope: agent", "widest_scope: global", "allows global, not only agent"),
        ("max_body: 2MiB", "max_body: 3MiB", "server.max_body is lifted"),
        ("{max_body: 2MiB", "{metrics: public, max_body: 2MiB", "metrics to everybody"),
        ("version: 1", "version: 1\nplugins: {allow: [my.code]}", "imported from my.code"),
        ("version: 1", f"version: 1\nadmin: {{api_keys: [{{hash: 'sha256:{'7' * 64}'}}]}}", "lets 1 more in"),
        ("version: 1", "version: 1\nreload: {max_removed_tenants: 9}", "max_removed_tenants is lifted to 9"),
        ("version: 1", "version: 1\nadmin: {chaos: true}", "make its backends fail"),
        ("version: 1", "version: 1\nfaces: {mcp: true, origins: ['https://x.example']}", "pages from https://x.example"),
        ("ttl: 30d", "ttl: 30d\nupstreams: {models: {type: openai}}\nproxy: {upstream: models}", "told to the language model"),
    ],
)  # fmt: skip
def test_what_becomes_less_safe_is_flagged_and_its_opposite_is_not(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    old, new = changed(tmp_path, (before, after))
    forth, back = (json.loads(run("diff", *way, "--format", "json").stdout) for way in ((old, new), (new, old)))
    assert any(message in each["message"] for each in forth["warnings"] if each["danger"] == "security"), forth
    assert not any(message in each["message"] for each in back["warnings"])


def test_a_tenant_that_opens_its_doors_is_flagged(tmp_path: Path) -> None:
    keys = TENANT[TENANT.index("auth:") : TENANT.index("ttl:")]
    body = told(tmp_path, (keys, "auth: {mode: open}\n"), (", open_tenants: false", ""))
    assert any("asks for no credential any more" in each["message"] for each in body["warnings"])


def test_a_key_that_is_bound_to_another_user_is_flagged(tmp_path: Path) -> None:
    body = told(tmp_path, ("user: ada", "user: bob"))
    assert [each["message"] for each in body["warnings"]] == ["is bound to another user"]


def test_a_user_that_a_caller_may_now_choose_is_flagged(tmp_path: Path) -> None:
    old, new = changed(tmp_path, ("ttl: 30d", 'ttl: 30d\nidentity: {user: "{claim.sub}"}'))
    body = json.loads(run("diff", new, old, "--format", "json").stdout)
    assert any("user may now come from the request" in each["message"] for each in body["warnings"])


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (("chain: scratch, ", ""), "what is kept in scratch stays there"),
        (("ttl: 30d", "ttl: 30d\nspace: other"), "the space default is not in other"),
        (("data/main.db", "data/new.db"), "what is kept in file:data/main.db stays there"),
        (("type: sqlite, path: data/main.db", "type: memory"), "memory keeps nothing"),
        (("dimension: 256", "dimension: 512"), "made by another embedder"),
        (("type: memory, embedder: none", "type: memory, embedder: none, max_records: 9"), "what memory keeps goes"),
    ],
)
def test_records_that_are_lost_or_left_behind_are_told(tmp_path: Path, swap: tuple[str, str], message: str) -> None:
    assert any(message in each["message"] for each in told(tmp_path, swap)["warnings"] if each["danger"] == "data")


def test_a_gateway_setting_that_needs_a_restart_is_flagged(tmp_path: Path) -> None:
    old, new = (config(path) for path in changed(tmp_path, ("max_body: 2MiB", "max_body: 1MiB")))
    shown = Showing(old, Written.of(old)), Showing(new, Written.of(new))
    assert [each.danger for each in compare(old, new, shown, frozenset({"server.max_body"})).warnings] == ["restart"]
    assert compare(old, new, shown).warnings == ()


SWAPS = [
    ("ttl: 30d", "ttl: 31d"),
    ("data/main.db", "data/new.db"),
    ("embedder: far", "embedder: local"),
    ("embedder: none", "embedder: local"),
    ("dimension: 256", "dimension: 512"),
    ("model: m,", "model: n,"),
    ("scratch", "other"),
    ("type: memory, embedder: none", "type: sqlite, path: data/x.db, embedder: none"),
    ("version: 1", "version: 1\nstrategies: {mine: {type: hybrid, half_life: 3d}}"),
]


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap[1][-30:])
async def test_reuse_is_told_exactly_where_the_same_instance_goes_on(tmp_path: Path, swap: tuple[str, str]) -> None:
    """Held against the instances themselves: both configs acquire theirs at once, as a reload does."""
    path, _ = changed(tmp_path)
    old = config(path)
    for file in path.rglob("*.yaml"):
        file.write_text(file.read_text().replace(*swap))
    new = config(path)
    instances = Instances()
    async with AsyncExitStack() as stack:
        held: list[dict[tuple[str, str], object]] = []
        for each in (old, new):
            held.append({})
            for place, need in needed(each).items():
                kit = Kit(name=place[1], clock=lambda: datetime.now(UTC), home=each.home, dimension=need.dimension)
                held[-1][place] = (await instances.acquire(Use(need.declared, kit), stack)).instance
        for action in actions(old, new, new.home):
            place = (action.sort, action.name)
            before, after = held[0].get(place), held[1].get(place)
            expected = (
                "create" if before is None else "close" if after is None else "reuse" if before is after else "recreate"
            )
            assert action.verb == expected, place
    verbs = {each.verb for each in actions(old, new, new.home)}
    assert "reuse" in verbs and (verbs != {"reuse"} or swap[0] == "ttl: 30d")


def test_a_changed_secret_is_told_and_never_shown(tmp_path: Path) -> None:
    old = put(tmp_path / "old")
    text = GATEWAY.replace("${env:KEY}", "${env:KEY2}").replace("dimension: 256", "dimension: 512")
    new = put(
        tmp_path / "new", {"gateway.yaml": text, "tenants/acme.yaml": TENANT.replace("${env:ORG}", "${env:ORG2}")}
    )
    env = ENV | {"KEY2": "canary-key-2", "ORG2": "canary-org-2"}
    text_lines = run("diff", old, new, env=env).stdout
    assert "api_key ${env:KEY} -> ${env:KEY2}" in text_lines.replace('"', "")
    assert "claims {org: ${env:ORG}} -> {org: ${env:ORG2}}" in text_lines.replace('"', "")
    for form in ("text", "json"):
        assert "canary" not in run("diff", old, new, "--format", form, env=env).output


def test_the_hash_of_a_credential_is_not_shown(tmp_path: Path) -> None:
    old, new = changed(
        tmp_path, ("version: 1", f"version: 1\nadmin: {{api_keys: [{{hash: 'sha256:{'7' * 64}', id: ops}}]}}")
    )
    for result in (run("diff", old, new), run("render", new), run("render", new, "--format", "json")):
        assert "ops" in result.stdout and "777" not in result.stdout


def test_a_caller_on_this_machine_who_may_steer_is_flagged(tmp_path: Path) -> None:
    old, new = changed(tmp_path, ("version: 1", "version: 1\nadmin: {loopback: false}"))
    back = json.loads(run("diff", new, old, "--format", "json").stdout)
    assert any("admin.loopback" in each["message"] for each in back["warnings"])


def test_a_secret_whose_reference_stays_is_told_as_changed(tmp_path: Path) -> None:
    path = put(tmp_path)
    old, new = config(path), config(path, ENV | {"KEY": "canary-key-2", "HELLO": "canary-hello-2"})
    plan = compare(old, new, (Showing(old, Written.of(old)), Showing(new, Written.of(new))))
    far = next(each for each in plan.actions if each.name == "far")
    assert (far.verb, [(each.path, each.new) for each in far.details]) == ("recreate", [("api_key", "value changed")])
    chat = next(each for each in plan.changes if each.name == "acme/chat")
    assert [(each.path, each.old, each.new) for each in chat.details] == [
        ("session.prefill", "value changed", "value changed")
    ]
    assert "canary" not in repr(plan)


def test_a_broken_side_is_reported_and_nothing_is_compared(tmp_path: Path) -> None:
    old, new = changed(tmp_path, ("top_k: 5", "top_q: 5"))
    result = run("diff", old, new)
    assert result.exit_code == 1 and "MG0202" in result.stderr and result.stdout == ""


def test_the_example_has_no_difference_to_itself() -> None:
    assert run("diff", MANY, MANY, "--exit-code").exit_code == 0
