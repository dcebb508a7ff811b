"""From a file to a real Redis and back: sessions, checkpoints and memories arrive as they were."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.domain.record import Kind
from gateway.testing.making import Maker
from tests.moving.stores import CONFIG, configured, filled, of_every_kind, plain, sqlite, typed
from tests.servers import Absent
from tests.servers.redis import started, valkey_binary

MANY = 3_000


async def test_sqlite_to_redis_and_back_is_lossless(tmp_path: Path, make: Maker, figure: Callable[[str], None]) -> None:
    try:
        binary = valkey_binary()
    except Absent as missing:
        pytest.skip(str(missing))
    with started(binary, tmp_path / "redis", "--appendfsync", "no") as server:
        there = f"type: redis, url: '{server.url}', embedder: none"
        third = "  third: {{type: sqlite, path: third.db, embedder: none}}\n"
        configured(tmp_path, there, CONFIG.replace("providers:\n", f"providers:\n{third}"))
        mixed = [
            msgspec.structs.replace(each, scope=msgspec.structs.replace(each.scope, tenant="acme"), vector=None)
            for each in of_every_kind(make)
        ]
        async with sqlite(tmp_path, "old.db") as old:
            await filled(old, [*mixed, *map(plain, range(MANY))])
        began = time.monotonic()
        out = typed(tmp_path, "migrate", "gateway.yaml", "--from", "old", "--to", "new", "--tenant", "acme", "--verify")
        took = time.monotonic() - began
        assert out.returncode == 0, out.stdout + out.stderr
        assert out.stdout.count(": same ") == len(Kind)
        back = typed(
            tmp_path, "migrate", "gateway.yaml", "--from", "new", "--to", "third", "--tenant", "acme", "--verify"
        )
        assert back.returncode == 0, back.stdout + back.stderr
        assert [line for line in back.stdout.splitlines() if ": same " in line] == [
            line for line in out.stdout.splitlines() if ": same " in line
        ]
    figure(f"sqlite to redis and compared: {MANY + len(mixed):,} records in {took:.1f} s")
