"""An audit that cannot be skipped or edited: what it says, what it proves, and what happens when it cannot be written."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.hooks.audit.chain import NOTHING, Keys, line
from gateway.hooks.audit.sink import Sink, head_of
from gateway.hooks.audit.verifying import verify
from tests.gateways import Process, gateway, process

KEY = "an auditor's own key, kept elsewhere"
CONFIG = """
version: 1
providers: {{main: {{type: memory, embedder: none}}}}
hooks: {{log: {{type: audit, {options}}}}}
defaults: {{chain: main, hooks: [log]}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint]}}
"""


def config(options: str = 'sink: audit.jsonl, key: "${file:key}"') -> str:
    return CONFIG.format(options=options)


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(each)["entry"] for each in path.read_text().splitlines()]


async def test_an_intent_stands_before_its_effect_and_what_came_of_it_after(tmp_path: Path) -> None:
    async with gateway(tmp_path, config(), {"key": KEY}) as made:
        await made.post("/v1/memories", {"content": "tea", "user_id": "ada"}, headers={"x-request-id": "r-1"})
        await made.post("/v1/memories/search", {"query": "tea", "user_id": "ada"})
        await made.get("/v1/memories/none?user_id=ada")
    told = entries(tmp_path / "audit.jsonl")
    assert [(each["phase"], each["action"], each["outcome"]) for each in told] == [
        ("reload", "reload.applied", "ok"),
        ("intent", "memory.add", None),
        ("outcome", "memory.add", "ok"),
        ("read", "memory.search", "ok"),
        ("error", "memory.get", "no_memory"),
    ]
    assert told[1]["request_id"] == told[2]["request_id"] == "r-1" and told[3]["results_count"] == 1
    assert told[1]["target"] == told[2]["target"]


async def test_values_are_hashed_so_that_an_auditor_finds_them_and_reads_none(tmp_path: Path) -> None:
    async with gateway(tmp_path, config(), {"key": KEY}) as made:
        await made.post("/v1/memories", {"content": "canary-text", "user_id": "canary-user"})
        await made.post("/v1/memories/search", {"query": "canary-query", "user_id": "canary-user"})
        said = {"message": {"role": "user", "content": "canary-said"}, "user_id": "canary-user"}
        await made.post("/v1/sessions/canary-session/messages", said)
        await made.http.put("/v1/runs/canary-run/checkpoints/canary-id", json={"state": 1, "user_id": "canary-user"})
    text = (tmp_path / "audit.jsonl").read_text()
    assert "canary" not in text and "127.0.0.1" not in text
    run = CliRunner().invoke(main, ["audit", "hash", "canary-user", "--key", KEY])
    assert text.count(run.output.strip()) == 9 - 2  # every line but that of the start, twice for each write
    assert Keys.of(KEY).value("canary-session") in text and Keys.of(KEY).value("canary-run") in text


async def test_plain_values_are_there_for_those_who_ask_for_them(tmp_path: Path) -> None:
    """The counter-test of the one above."""
    async with gateway(tmp_path, config("sink: audit.jsonl, values: plain")) as made:
        await made.post("/v1/memories", {"content": "canary-text", "user_id": "canary-user"})
    assert "canary-text" in (tmp_path / "audit.jsonl").read_text()


async def test_a_search_leaves_one_line_with_exactly_the_fields_that_are_asked_for(tmp_path: Path) -> None:
    own = config("sink: audit.jsonl, values: plain, on: [search], fields: [user, action, query, results_count]")
    async with gateway(tmp_path, own) as made:
        await made.post("/v1/memories", {"content": "tea", "user_id": "ada"})
        await made.post("/v1/memories/search", {"query": "tea", "user_id": "ada"})
    assert entries(tmp_path / "audit.jsonl") == [
        {"user": "ada", "action": "memory.search", "query": "tea", "results_count": 1}
    ]


async def test_a_write_has_its_time_user_session_address_and_flags(tmp_path: Path) -> None:
    fields = "[timestamp, user_id, session_id, ip_address, compliance_flags]"
    own = config(f"sink: audit.jsonl, values: plain, on: [before_append], fields: {fields}")
    own = own.replace("hooks: {log:", "plugins: {allow: [tests.hooks.plugins]}\nhooks: {check: {type: compliance, "
                      "checker: 'tests.hooks.plugins:check_compliance'}, log:").replace("[log]", "[check, log]")  # fmt: skip
    async with gateway(tmp_path, own) as made:
        said = {"message": {"role": "user", "content": "about my health"}, "user_id": "ada"}
        await made.post("/v1/sessions/s-1/messages", said)
    (entry,) = entries(tmp_path / "audit.jsonl")
    assert list(entry) == ["timestamp", "user_id", "session_id", "ip_address", "compliance_flags"]
    assert list(entry.values())[1:] == ["ada", "s-1", "127.0.0.1", ["health"]]


def written(home: Path, count: int, keys: Keys | None = None, largest: int = 1 << 30) -> Path:
    path = home / "audit.jsonl"
    sink = Sink(path, keys, largest, "0123456789abcdef")
    sink.open()
    for number in range(count):
        sink.write([{"n": number, "text": f"line {number}"}], sync=False)
    sink.close()
    return path


def rewritten(lines: list[bytes], at: int) -> list[bytes]:
    """Every line from one on made anew, as who has the file but no key can."""
    made, last = lines[:at], json.loads(lines[at - 1])["hash"] if at else NOTHING
    for raw in lines[at:]:
        old = json.loads(raw)
        new, last = line(old["chain"], old["seq"], last, {**old["entry"], "text": "forged"}, None)
        made.append(new)
    return made


Harm = Callable[[list[bytes], random.Random], tuple[list[bytes], int]]


def _edit(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    at = chance.randrange(len(lines))
    byte = chance.randrange(len(lines[at]) - 1)
    lines[at] = lines[at][:byte] + bytes([lines[at][byte] ^ (1 << chance.randrange(7))]) + lines[at][byte + 1 :]
    return lines, at + 1


def _delete(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    at = chance.randrange(len(lines) - 1)
    return lines[:at] + lines[at + 1 :], at + 1


def _swap(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    at, other = sorted(chance.sample(range(len(lines)), 2))
    lines[at], lines[other] = lines[other], lines[at]
    return lines, at + 1


def _double(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    at = chance.randrange(len(lines))
    return [*lines[: at + 1], *lines[at:]], at + 2


def _truncate(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    kept = chance.randrange(1, len(lines))
    return lines[:kept], kept


def _tear(lines: list[bytes], chance: random.Random) -> tuple[list[bytes], int]:
    at = chance.randrange(len(lines))
    return [*lines[:at], lines[at][: chance.randrange(1, len(lines[at]))]], at + 1


def test_the_first_bad_line_is_named_whatever_is_done_to_a_file(tmp_path: Path, figures: Callable[[str], None]) -> None:
    keys = Keys.of(KEY)
    path = written(tmp_path, 40, keys)
    sound = path.read_bytes().splitlines(keepends=True)
    assert verify([path], keys).findings == ()
    chance, tried = random.Random(6), 0
    for harm in (_edit, _delete, _swap, _double, _truncate, _tear):
        for _ in range(30):
            lines, at = harm(list(sound), chance)
            if lines == sound:
                continue
            path.write_bytes(b"".join(lines))
            found = verify([path], keys).findings
            assert [each.line for each in found] == [at], (harm.__name__, found)
            tried += 1
    figures(f"audit: {tried} of {tried} edits, deletions, swaps, repeats, cuts and tears named by their line")


def test_a_chain_made_anew_is_found_by_who_has_the_key_and_by_nobody_else(tmp_path: Path) -> None:
    keys = Keys.of(KEY)
    path = written(tmp_path, 10, keys)
    lines = rewritten(path.read_bytes().splitlines(keepends=True), 4)
    path.write_bytes(b"".join(lines))
    assert [each.line for each in verify([path], keys).findings] == [5]
    head = head_of(path)
    last = json.loads(lines[-1])
    head.write_text(json.dumps({"chain": last["chain"], "seq": last["seq"], "hash": last["hash"]}))
    assert verify([path], None).findings == ()  # the counter-test: the hashes alone are in order


def test_what_is_cut_off_is_still_missed_after_the_gateway_has_started_again(tmp_path: Path) -> None:
    path = written(tmp_path, 10)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]))
    written(tmp_path, 3)
    assert [each.line for each in verify([path], None).findings] == [7]


def test_a_line_that_was_half_written_when_its_writer_died_is_no_line(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    with path.open("ab") as file:
        file.write(b'{"chain":"0123456789abcdef","seq":4,"previ')
    assert [each.line for each in verify([path], None).findings] == [4]
    written(tmp_path, 2)
    assert verify([path], None).findings == () and len(path.read_bytes().splitlines()) == 5


def test_a_full_file_is_set_aside_and_the_chain_goes_on(tmp_path: Path) -> None:
    written(tmp_path, 60, largest=4_000)
    files = sorted(tmp_path.glob("audit*.jsonl"))
    assert len(files) > 2
    assert verify(files, None).findings == ()
    assert verify(list(reversed(files)), None).findings == ()
    for missing in files:
        left = [each for each in files if each != missing]
        assert verify(left, None).findings != (), missing.name
        ends = missing in (files[0], files[-1])
        assert bool(verify(left, None, partial=True).findings) is not ends


def test_each_process_writes_a_file_of_its_own_and_goes_on_with_it(tmp_path: Path) -> None:
    sinks = [Sink(tmp_path / "audit.jsonl", None, 1 << 20, f"chain-{number}") for number in range(3)]
    for sink in sinks:
        sink.open()
        sink.write([{"n": 1}], sync=False)
    assert [each.path.name for each in sinks] == ["audit.jsonl", "audit-1.jsonl", "audit-2.jsonl"]
    for sink in sinks:
        sink.close()
    written(tmp_path, 1)
    found = verify(sorted(tmp_path.glob("audit*.jsonl")), None)
    assert found.findings == () and sorted(part.lines for part in found.parts) == [1, 1, 2]


def test_the_command_names_the_line_and_says_so_with_its_exit_code(tmp_path: Path) -> None:
    path = written(tmp_path, 5, Keys.of(KEY))
    sound = CliRunner().invoke(main, ["audit", "verify", str(path), "--key", KEY])
    assert sound.exit_code == 0 and "lines 1 to 5" in sound.output
    assert "seals were not checked" in CliRunner().invoke(main, ["audit", "verify", str(path)]).output
    path.write_bytes(path.read_bytes().replace(b"line 2", b"LINE 2"))
    harmed = CliRunner().invoke(main, ["audit", "verify", str(path), "--key", KEY])
    assert harmed.exit_code == 1 and f"{path}:3: was changed" in harmed.output


async def test_one_of_two_sinks_is_enough_and_none_is_not(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file where a folder would have to be")
    own = config('sink: [no/audit.jsonl, audit.jsonl], key: "${file:key}"')
    async with gateway(tmp_path, own, {"key": KEY}) as made:
        assert (await made.post("/v1/memories", {"content": "tea", "user_id": "ada"})).status_code == 201
    assert verify([tmp_path / "audit.jsonl"], Keys.of(KEY)).findings == ()
    with pytest.raises(ExceptionGroup) as wrong:
        async with gateway(tmp_path, own.replace(", audit.jsonl]", "]"), {"key": KEY}):
            pass
    assert "no sink of the audit can be written" in str(wrong.value.exceptions)


LIMITED = """
import resource, sys
from gateway.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["memory-gateway", *sys.argv[2:]]
main()
"""


class Limited(Process):
    """A gateway whose files can grow to a size and no further, as on a full disk."""

    def __init__(self, config: Path, size: int) -> None:
        shown = subprocess.Popen

        def limited(command: list[str], **more: Any) -> Any:
            return shown([sys.executable, "-c", LIMITED, str(size), *command[3:]], **more)

        subprocess.Popen = limited  # type: ignore[assignment,misc]  # the one call of the starter
        try:
            super().__init__(config)
        finally:
            subprocess.Popen = shown  # type: ignore[misc]


@pytest.mark.parametrize("closed", [True, False])
def test_on_a_full_disk_nothing_is_changed_that_is_not_written_down(
    tmp_path: Path, closed: bool, figures: Callable[[str], None]
) -> None:
    """With `fail_closed` off, the same gateway serves what it has no line for: the test would see it."""
    text = config('sink: audit.jsonl, key: "${file:key}", fsync: never' + ("" if closed else ", fail_closed: false"))
    (tmp_path / "gateway.yaml").write_text(text)
    (tmp_path / "key").write_text(KEY)
    made = Limited(tmp_path / "gateway.yaml", 60_000)
    try:
        made.wait()
        statuses: list[int] = []
        with httpx.Client(base_url=made.url, timeout=10) as http:
            for number in range(120):
                body = {"content": f"memory {number}", "user_id": "ada"}
                told = http.post("/v1/memories", json=body)
                statuses.append(told.status_code)
                assert told.status_code == 201 or told.json()["code"] == "audit_unavailable"
            kept = http.get("/v1/memories", params={"user_id": "ada", "limit": 200}).json()["memories"]
    finally:
        made.kill()
    lines = entries(tmp_path / "audit.jsonl")
    intents = {each["target"] for each in lines if each["phase"] == "intent"}
    unrecorded = [each["id"] for each in kept if each["id"] not in intents]
    assert len(kept) == statuses.count(201) > 10
    assert verify([tmp_path / "audit.jsonl"], Keys.of(KEY)).findings == ()
    if closed:
        assert unrecorded == [] and statuses.count(503) > 10
        figures(f"audit on a full disk: {statuses.count(503)} writes refused, 0 of {len(kept)} kept without a line")
    else:
        assert unrecorded


def test_an_address_is_that_of_the_connection_unless_a_trusted_proxy_says_another(tmp_path: Path) -> None:
    for arguments, address in (((), "127.0.0.1"), (("--trusted-proxies", "127.0.0.1"), "203.0.113.9")):
        home = tmp_path / f"n{len(arguments)}"
        home.mkdir()
        own = config("sink: audit.jsonl, values: plain, on: [search], fields: [ip]")
        (home / "gateway.yaml").write_text(own)
        with process(home / "gateway.yaml", *arguments) as made:
            headers = {"x-forwarded-for": "203.0.113.9"}
            httpx.post(f"{made.url}/v1/memories/search", json={"query": "a", "user_id": "u"}, headers=headers)
        assert entries(home / "audit.jsonl") == [{"ip": address}]


def test_a_head_that_was_put_back_with_an_older_file_needs_somebody_who_remembers(tmp_path: Path) -> None:
    """The limit of what a file can prove by itself: said in docs/hooks.md, so held here."""
    path = written(tmp_path, 5)
    older = tmp_path / "older"
    older.mkdir()
    for each in (path, head_of(path)):
        shutil.copy(each, older / each.name)
    written(tmp_path, 5)
    assert verify([older / path.name], None).findings == ()
    assert hashlib.sha256(path.read_bytes()) != hashlib.sha256((older / path.name).read_bytes())
