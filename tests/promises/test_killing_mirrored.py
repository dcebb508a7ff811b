"""A killed gateway over a primary and a mirror, both real servers: nothing acknowledged is lost, and both come to one state.

A change that was under way when the process died is looked up a minute later, so the end takes that long.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from gateway.domain.ports import Kit, Provider
from gateway.providers.postgres import Postgres
from gateway.providers.redis import Redis
from gateway.testing.making import everything, scanned
from tests.gateways import Process, process
from tests.promises.test_killing import killed, told
from tests.promises.writers import Writers, stored
from tests.servers.postgres import postgres
from tests.servers.redis import redis

KILLS: Final = int(os.environ.get("MEMORY_GATEWAY_KILLS") or 3)
WRITES: Final = 100 * KILLS
SEED: Final = 4_712

CONFIG = """
version: 1
providers:
  main: {{type: redis, url: "{redis}", prefix: "{prefix}"}}
  copy: {{type: postgres, url: "{postgres}", table: {table}, vectors: false}}
chains:
  both: [{{provider: main}}, {{provider: copy, role: mirror}}]
tenants:
  default:
    auth: {{mode: open}}
    routes: {{everything: {{default: true, chain: both}}}}
"""


async def test_acknowledged_writes_survive_kills_and_the_mirror_becomes_equal(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with redis(tmp_path / "redis") as first, postgres(tmp_path / "postgres") as second:
        places: dict[str, Any] = {
            "redis": first["url"], "prefix": f"k{SEED}:", "postgres": f"postgresql://{second['authority']}",
            "table": f"k{SEED}",
        }  # fmt: skip
        (tmp_path / "gateway.yaml").write_text(CONFIG.format(**places))
        writers = Writers(random.Random(SEED), keyed=True)
        await killed(tmp_path, writers, KILLS, WRITES)
        with process(tmp_path / "gateway.yaml") as server:
            await writers.write(server, WRITES, lambda: None)
            await writers.finish(server)
            lost, twice, torn = told(writers, await stored(server))
            took = await delivered(server)
        async with AsyncExitStack() as stack:
            kit = Kit(name="seen", clock=lambda: datetime.now(UTC), home=tmp_path)
            both = [
                Redis(options(Redis, url=places["redis"], prefix=places["prefix"]), kit),
                Postgres(options(Postgres, url=places["postgres"], table=places["table"], vectors=False), kit),
            ]
            left, right = [await state(provider, stack) for provider in both]
        figure(
            f"{KILLS} kills -9 over redis and a mirror in postgres, {len(writers.acknowledged)} acknowledged writes, "
            f"{writers.retried} sent again: {lost} lost, {twice} twice, {torn} torn; equal {took:.0f} s after the last"
        )
        assert (lost, twice, torn) == (0, 0, 0)
        assert writers.retried >= KILLS
        assert left == right
        assert len(left) == len(writers.acknowledged) >= WRITES


async def delivered(server: Process) -> float:
    """Seconds until nothing is owed any more."""
    began, owed = time.monotonic(), list[str]()
    async with httpx.AsyncClient(base_url=server.url) as http:
        while time.monotonic() - began < 150:
            text = (await http.get("/metrics")).text
            owed = [line for line in text.splitlines() if line.startswith("gateway_jobs_records{")]
            assert owed
            if all(line.endswith(" 0.0") for line in owed):
                return time.monotonic() - began
            await asyncio.sleep(0.5)
    raise AssertionError(owed)


async def state(provider: Provider, stack: AsyncExitStack) -> dict[str, tuple[int, str]]:
    await provider.open(stack)
    return {each.id: (each.version, each.text) for each in await scanned(provider, everything("default"), limit=500)}


def options(plugin: Any, **given: Any) -> Any:
    return msgspec.convert(given, plugin.Options, dec_hook=lambda kind, text: kind(text))
