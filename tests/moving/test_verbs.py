"""migrate, export and import as an operator types them: what they say, and how they end."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.cli.progress import Progress
from gateway.domain.record import Kind
from gateway.services.moving.comparing import compared
from gateway.services.moving.copying import Step
from gateway.services.moving.standing import Standing
from gateway.services.moving.way import whole
from gateway.testing.making import Maker
from tests.moving.stores import (
    CONFIG,
    SQLITE,
    configured,
    filled,
    of_every_kind,
    plain,
    real,
    sqlite,
    started,
    typed,
    way,
)

PAIR = ("migrate", "gateway.yaml", "--from", "old", "--to", "new")
LIVE = """version: 1
providers:
  old: {{type: sqlite, path: old.db, embedder: none}}
  new: {{{new}}}
chains:
  moving: [{{provider: old}}, {{provider: new, role: mirror}}]
defaults: {{chain: moving}}
tenants:
  acme:
    auth: {{mode: open}}
    routes:
      all: {{default: true, kinds: [memory, message, checkpoint]}}
      alone: {{kinds: [memory], match: {{user: x}}, chain: old}}
"""


async def test_migrate_copies_compares_and_says_so(tmp_path: Path) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        await filled(old, [*map(plain, range(1_500)), plain(1, "globex")])
    told = typed(tmp_path, *PAIR, "--all-tenants", "--verify")
    assert told.returncode == 0, told.stderr
    assert re.search(r"acme: page 1, 250 read, 250 stored, [\d,]+/s", told.stderr)
    assert "acme: 1,500 read, 1,500 stored" in told.stdout
    assert re.search(r"acme: memory: same  1,500 (\w{16}) \| 1,500 \1\n", told.stdout)
    assert "globex: 1 read, 1 stored" in told.stdout
    state = tmp_path / "migrate-old-new.json"
    assert state.stat().st_mode & 0o777 == 0o600 and "note" not in state.read_text()
    again = typed(tmp_path, *PAIR, "--all-tenants")
    assert again.returncode == 0 and again.stderr == ""


@pytest.mark.parametrize(("harm", "told"), [("flip", "1 different: id-0000007"), ("lose", "1 missing: id-0000007"),
                                             ("add", "1 extra: stranger")])  # fmt: skip
async def test_verify_names_what_differs_without_its_contents(tmp_path: Path, harm: str, told: str) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        await filled(old, [plain(number, text="confidential") for number in range(50)])
    assert typed(tmp_path, *PAIR, "--tenant", "acme").returncode == 0
    async with sqlite(tmp_path, "new.db") as new:
        one = plain(7, text="confidental")
        if harm != "add":
            await new.delete(whole("acme"), [one.id])
        if harm != "lose":
            await new.put([one if harm == "flip" else msgspec.structs.replace(one, id="stranger")])
    ended = typed(tmp_path, *PAIR, "--tenant", "acme", "--verify")
    assert ended.returncode == 5
    assert f"acme: memory: {told}\n" in ended.stdout and "acme: memory: DIFFERENT" in ended.stdout
    assert "confiden" not in ended.stdout + ended.stderr


async def test_a_dry_run_counts_and_creates_nothing(tmp_path: Path, make: Maker) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        records = [msgspec.structs.replace(each, scope=plain(1).scope) for each in of_every_kind(make)]
        await old.put(records)
    told = typed(tmp_path, *PAIR, "--tenant", "acme", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "3 checkpoint, 3 history, 3 key, 3 memory" in told.stdout
    assert not (tmp_path / "new.db").exists() and not (tmp_path / "migrate-old-new.json").exists()


async def test_kinds_that_stay_behind_are_told_and_need_leave(tmp_path: Path, make: Maker) -> None:
    """Mem0 keeps memories alone; its hosted form opens without a call."""
    new = "type: mem0, api_key: m0-0123456789, embedder: none"
    configured(tmp_path, new)
    async with sqlite(tmp_path, "old.db") as old:
        kinds = (Kind.CHECKPOINT, Kind.RUN)
        found = [each for each in of_every_kind(make) if each.kind in kinds]
        await old.put([msgspec.structs.replace(each, scope=plain(1).scope) for each in found])
    told = typed(tmp_path, *PAIR, "--tenant", "acme", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "acme: 3 checkpoint, 3 run would stay behind: 'new' cannot hold them" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "old", "--to", "new"), "--tenant"),
        (("--from", "old", "--to", "new", "--all-tenants", "--tenant", "acme"), "--tenant"),
        (("--from", "gone", "--to", "new", "--all-tenants"), "no provider 'gone'; known: new, old"),
        (("--from", "old", "--to", "old", "--all-tenants"), "the same provider"),
        (("--from", "old", "--to", "new", "--tenant", "nobody"), "no tenant 'nobody'; known: acme, globex"),
        (("--from", "old", "--to", "new", "--all-tenants", "--live"), "writes to 'old' without 'new'"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    configured(tmp_path)
    told = typed(tmp_path, "migrate", "gateway.yaml", *arguments)
    assert told.returncode == 2 and why in told.stderr


def test_a_store_that_cannot_be_moved_to_is_refused(tmp_path: Path) -> None:
    configured(tmp_path, "type: memory")
    told = typed(tmp_path, *PAIR, "--all-tenants")
    assert told.returncode == 2 and "keeps its records inside the process" in told.stderr
    redis = "type: redis, url: 'redis://127.0.0.1:1', embedder: none"
    configured(tmp_path, redis, CONFIG.replace("type: sqlite, path: old.db, embedder: none", redis))
    told = typed(tmp_path, *PAIR, "--all-tenants")
    assert told.returncode == 2 and "the same store under two names" in told.stderr


def test_the_provider_of_one_tenant_takes_nothing_of_another(tmp_path: Path) -> None:
    text = CONFIG.replace("routes: {{all: {{default: true}}}}\n", "routes: {{all: {{default: true, chain: own}}}}\n"
                          "    providers: {{own: {{type: sqlite, path: own.db, embedder: none}}}}\n")  # fmt: skip
    configured(tmp_path, SQLITE, text)
    told = typed(tmp_path, "migrate", "gateway.yaml", "--from", "old", "--to", "globex/own", "--all-tenants")
    assert told.returncode == 2 and "declared by 'globex' and cannot hold records of 'acme'" in told.stderr
    allowed = ("migrate", "gateway.yaml", "--from", "old", "--to", "globex/own", "--tenant", "globex")
    assert typed(tmp_path, *allowed).returncode == 0
    assert (tmp_path / "migrate-old-globex.own.json").exists()


def test_a_broken_configuration_ends_with_1_and_an_unopened_provider_with_4(tmp_path: Path) -> None:
    configured(tmp_path, "type: nothing")
    assert typed(tmp_path, *PAIR, "--all-tenants").returncode == 1
    configured(tmp_path, "type: sqlite, path: gateway.yaml, embedder: none")
    told = typed(tmp_path, *PAIR, "--all-tenants")
    assert told.returncode == 4 and "provider 'new' does not open" in told.stderr


def test_a_state_of_another_migration_is_refused(tmp_path: Path) -> None:
    configured(tmp_path)
    assert typed(tmp_path, *PAIR, "--all-tenants", "--state", "here.json").returncode == 0
    back = ("migrate", "gateway.yaml", "--from", "new", "--to", "old", "--all-tenants", "--state", "here.json")
    told = typed(tmp_path, *back)
    assert told.returncode == 2 and "belongs to the migration from 'old' to 'new'" in told.stderr
    configured(tmp_path, "type: sqlite, path: newer.db, embedder: none")
    told = typed(tmp_path, *PAIR, "--all-tenants", "--state", "here.json")
    assert told.returncode == 2 and "declared differently now" in told.stderr
    assert not (tmp_path / "newer.db").exists()


async def test_live_copies_what_is_served_and_names_the_lines_to_edit(tmp_path: Path) -> None:
    configured(tmp_path, SQLITE, LIVE)
    told = typed(tmp_path, *PAIR, "--all-tenants", "--live")
    assert told.returncode == 2 and "gateway.yaml:13: acme/alone writes to 'old' without 'new'" in told.stderr
    configured(tmp_path, SQLITE, "".join(line for line in LIVE.splitlines(keepends=True) if "alone" not in line))
    async with sqlite(tmp_path, "old.db") as old:  # as a gateway would have it open
        await filled(old, [plain(number) for number in range(300)])
        told = typed(tmp_path, *PAIR, "--all-tenants", "--live")
        assert told.returncode == 0, told.stderr
        assert "gateway.yaml:6: chain 'moving': make 'new' the primary and 'old' its mirror" in told.stdout
        async with sqlite(tmp_path, "new.db") as new:
            assert (await compared(way(old, new), "acme")).same


def test_a_store_for_one_process_is_told_of_before_it_starts_and_is_not_moved_live(tmp_path: Path) -> None:
    configured(tmp_path, "type: qdrant, path: vectors, embedder: none")
    told = typed(tmp_path, *PAIR, "--all-tenants")
    assert told.stderr.startswith("--to 'new' (qdrant) can be open in one process only: stop the gateway")
    configured(tmp_path, "type: qdrant, path: vectors, embedder: none",
               "".join(line for line in LIVE.splitlines(keepends=True) if "alone" not in line))  # fmt: skip
    told = typed(tmp_path, *PAIR, "--all-tenants", "--live")
    assert told.returncode == 2 and "stores that several processes may use" in told.stderr


async def test_export_and_import_take_a_tenant_from_one_store_to_another(tmp_path: Path, make: Maker) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        records = [msgspec.structs.replace(each, scope=plain(1).scope, vector=None) for each in of_every_kind(make)]
        await old.put(records)
        out = typed(tmp_path, "export", "gateway.yaml", "--provider", "old", "--tenant", "acme")
        assert out.returncode == 0 and f"{len(records)} records" in out.stderr
        back = typed(tmp_path, "import", "gateway.yaml", "--provider", "new", lines=out.stdout)
        assert back.returncode == 0, back.stderr
        async with sqlite(tmp_path, "new.db") as new:
            assert (await compared(way(old, new), "acme")).same
            renamed = ("import", "gateway.yaml", "--provider", "new", "--as-tenant", "globex")
            assert typed(tmp_path, *renamed, lines=out.stdout).returncode == 0
            kinds = (await compared(way(new, new), "globex")).source
            assert kinds.keys() == set(Kind)


async def test_one_bad_line_stops_everything_or_is_left_out(tmp_path: Path) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        await filled(old, [plain(number) for number in range(700)])
    out = typed(tmp_path, "export", "gateway.yaml", "--provider", "old", "--tenant", "acme").stdout.splitlines(True)
    bad = json.dumps({**json.loads(out[600]), "content": "confidential", "kind": 7}) + "\n"
    lines = "".join([*out[:600], bad, *out[601:]])
    into = ("import", "gateway.yaml", "--provider", "new")
    stopped = started(tmp_path, *into, input=lines)  # a pipe cannot be read twice
    assert stopped.returncode == 1
    assert "line 601: " in stopped.stderr and "nothing was stored" in stopped.stderr
    async with sqlite(tmp_path, "new.db") as new:
        assert (await compared(way(new, new), "acme")).source == {}
    with (tmp_path / "lines").open("w+") as file:  # a file is read twice without a copy of it
        file.write(lines)
        file.seek(0)
        skipped = started(tmp_path, *into, "--on-error", "skip", stdin=file)
    assert skipped.returncode == 3 and "699 stored, 1 bad" in skipped.stderr
    assert "confidential" not in stopped.stderr + skipped.stderr


def test_import_needs_a_header_and_a_tenant_of_the_configuration(tmp_path: Path) -> None:
    configured(tmp_path)
    into = ("import", "gateway.yaml", "--provider", "new")
    told = typed(tmp_path, *into, lines="{}\n")
    assert told.returncode == 1 and "no header" in told.stderr
    header = {"format": "memory-gateway-export", "version": 1, "tenant": "nobody", "kinds": ["memory"],
              "exported_at": real().isoformat()}  # fmt: skip
    told = typed(tmp_path, *into, lines=json.dumps(header) + "\n")
    assert told.returncode == 2 and "no tenant 'nobody'" in told.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_with_rate_and_remaining_time() -> None:
    stream, seconds = Terminal(), iter([0.0, 10.0, 20.0])
    progress = Progress(stream, lambda: next(seconds), 4_000)
    for read in (1_000, 1_000):
        progress.step("acme", Step(after=None, last=False, read=read, stored=0), Standing(since=real()))
    assert "acme  [######..................]  25%  1,000 of 4,000  100/s  0:30 left" in stream.getvalue()
    assert stream.getvalue().endswith("[############............]  50%  2,000 of 4,000  100/s  0:20 left")


async def test_a_real_terminal_gets_the_bar(tmp_path: Path) -> None:
    configured(tmp_path)
    async with sqlite(tmp_path, "old.db") as old:
        await filled(old, [plain(number) for number in range(300)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateway", *PAIR, "--tenant", "acme"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60)  # noqa: ASYNC221 -- nothing else runs
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "250 of 300" in shown and "] 100%  300 of 300" in shown
