"""Hundreds of reloads while requests run: none fails, none sees two configurations, and nothing is left behind."""

import asyncio
import gc
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.auth.keys import NewKey, new_key
from gateway.runtime import disk
from gateway.runtime.snapshot import Snapshot
from tests.gateways import Gateway, gateway
from tests.promises.erratic import Yard, put_file, until, with_erratic

RELOADS: Final = int(os.environ.get("GATEWAY_TEST_RELOADS") or 250)
WARM: Final = 60
CLIENTS: Final = 6
SEED: Final = 2_104

BREAKS: Final[tuple[tuple[str, str], ...]] = (
    ("version: 1", "version: 2"),
    ("include:", "no_such_key: 1\ninclude:"),
    ("chain: main", "chain: nowhere"),
    ("defaults: {", "defaults: {{"),
    ("type: erratic", "type: erotic"),
)


class Stormy:
    """Configurations by number. What a route answers with, and how many, goes by one number in each of them."""

    def __init__(self, home: Path, rng: random.Random) -> None:
        self._home = home
        self._rng = rng
        self.lasting = new_key(rng.randbytes)
        self.passing = [new_key(rng.randbytes) for _ in range(3)]

    def text(self, number: int) -> str:
        others = "\n".join(f"  spare{n}: {{type: erratic, tag: {10_000 + n}}}" for n in range(number % 3))
        return f"""
version: 1
reload: {{watch: false, poll: 1h, drain: 5s, max_removed_tenants: 1}}
providers:
  main: {{type: erratic, tag: {number}, slow: 0.002}}
{others}
defaults: {{chain: main, retrieval: {{strategy: all, top_k: {1 + number % 7}}}}}
include: tenants/*.yaml
"""

    def tenant(self, name: str, number: int, key: NewKey) -> str:
        chain = f"chain: spare{number % 3 - 1}" if number % 3 else "chain: main"
        return f"""
tenant: {name}
auth:
  api_keys:
    - {{id: a, hash: "{key.hash}", roles: [reader, writer]}}
    - {{id: b, hash: "{self.passing[number % 3].hash if name == "t0" else key.hash[:-4] + "0000"}", roles: [reader]}}
routes:
  notes: {{default: true, ttl: {number + 1}h}}
  spare: {{match: {{agent: [spare]}}, {chain}}}
"""

    def write(self, number: int, text: str) -> None:
        put_file(self._home / "tenants/t0.yaml", self.tenant("t0", number, self.lasting))
        comes = self._home / "tenants/t1.yaml"
        if number % 2:
            put_file(comes, self.tenant("t1", number, new_key(random.Random(7).randbytes)))
        else:
            comes.unlink(missing_ok=True)
        put_file(self._home / "gateway.yaml", text)


class Load:
    """Searches and adds for as long as it runs; what each answer says of the configuration is held against itself."""

    def __init__(self, served: Gateway, key: str) -> None:
        self._served = served
        self._headers = {"Authorization": f"Bearer {key}"}
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        clients = [asyncio.create_task(self._run(number)) for number in range(CLIENTS)]
        try:
            yield
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _run(self, number: int) -> None:
        while True:
            await (self._search(number) if number % 3 else self._add(number))
            await asyncio.sleep(0.003)

    async def _search(self, number: int) -> None:
        body = {"user_id": f"u{number}", "query": "tag"}
        reply = await self._served.post("/v1/memories/search", body, headers=self._headers)
        self.answers["search"] += 1
        if reply.status_code != 200:
            self.wrong.append(reply.text)
            return
        found: list[dict[str, Any]] = reply.json()["results"]
        tags = {each["metadata"]["tag"] for each in found}
        if len(tags) != 1 or len(found) != 1 + tags.pop() % 7:
            self.wrong.append(f"mixed: {[each['metadata'] for each in found]}")

    async def _add(self, number: int) -> None:
        body = {"user_id": f"u{number}", "content": "a note"}
        reply = await self._served.post("/v1/memories", body, headers=self._headers)
        self.answers["add"] += 1
        if reply.status_code != 201 or not reply.json()["expires_at"]:
            self.wrong.append(reply.text)


class Held:
    """What a process holds on to."""

    def __init__(self, served: Gateway) -> None:
        self.descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        self.tasks = len(asyncio.all_tasks())
        self.threads = threading.active_count()
        self.instances = len(served.helm.running.means.instances.live())
        self.resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def held(served: Gateway) -> Held:
    await until(lambda: served.helm.running.alive == 1, 10)
    # The pool of threads has a bound, and grows up to it one by one: it is full before anything is counted.
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range(40)))
    gc.collect()
    await asyncio.sleep(0.1)
    return Held(served)


async def test_reloads_under_load_fail_nothing_mix_nothing_and_leave_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    figure: Callable[[str], None],
) -> None:
    monkeypatch.setattr(disk, "SETTLE_SECONDS", 0.002)
    rng, yard = random.Random(SEED), Yard()
    stormy = Stormy(tmp_path, rng)
    files = {"tenants/t0.yaml": stormy.tenant("t0", 0, stormy.lasting)}
    async with gateway(tmp_path, stormy.text(0), files, with_erratic(yard)) as served:
        load = Load(served, stormy.lasting.text)
        refused = applied = 0
        first, instances = Held(served), Held(served).instances
        async with load.running():
            started = time.perf_counter()
            serving = 0  # the number of the configuration that serves
            for number in range(1, RELOADS + 1):
                broken = number % 5 == 3
                text = stormy.text(number)
                stormy.write(number if not broken else serving, text.replace(*rng.choice(BREAKS)) if broken else text)
                outcome = (await served.post("/admin/reload")).json()["outcome"]
                if broken:
                    assert outcome["result"] == "rejected", (number, outcome)
                    refused += 1
                else:
                    assert outcome["result"] == "applied", (number, outcome)
                    serving, applied = number, applied + 1
                assert served.helm.running.alive <= 3
                if number % 20 == 0:
                    served.lines.clear()  # what the test itself would keep
                    caplog.clear()
                    now, before = stormy.passing[serving % 3].text, stormy.passing[(serving - 1) % 3].text
                    assert (await served.get("/v1/memories?user_id=u", headers=bearer(now))).status_code == 200
                    assert (await served.get("/v1/memories?user_id=u", headers=bearer(before))).status_code == 401
                    assert (await served.get("/health/ready")).status_code == 200
                if number == min(WARM, RELOADS // 2):
                    first = await held(served)
            seconds = time.perf_counter() - started
            assert served.helm.reloader.status().generation == applied + 1
            stormy.write(6 * RELOADS, stormy.text(6 * RELOADS))  # declares as much as the first did
            await served.post("/admin/reload")
            last = await held(served)
        grown = last.resident / first.resident - 1
        figure(
            f"{RELOADS} reloads ({refused} broken, all refused) in {seconds:.0f} s beside {load.answers.total()} requests: "
            f"{len(load.wrong)} failed or mixed, {yard.late} calls of something closed; afterwards "
            f"{last.descriptors - first.descriptors:+} descriptors, {last.tasks - first.tasks:+} tasks, "
            f"{last.threads - first.threads:+} threads, {last.instances - instances:+} instances, "
            f"memory {grown:+.1%}"
        )
        assert load.wrong == [] and yard.late == 0
        assert min(load.answers.values()) > RELOADS / 10
        assert last.descriptors <= first.descriptors
        assert last.tasks <= first.tasks
        assert last.threads <= first.threads
        assert grown < 0.05
        assert last.instances == instances and len(yard.open) == 1
    assert yard.open == []


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _nobody(_: Snapshot) -> int:
    return 0


def _uncounted(_: Snapshot, _number: int) -> None:
    """Forgets who is inside."""


async def test_without_leases_a_request_sees_a_closed_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter-test of the storm: nobody counts who is inside, so nobody is waited for."""
    monkeypatch.setattr(Snapshot, "leases", property(_nobody, _uncounted), raising=False)  # the fault
    yard, stormy = Yard(), Stormy(tmp_path, random.Random(SEED))
    files = {"tenants/t0.yaml": stormy.tenant("t0", 0, stormy.lasting)}
    async with gateway(tmp_path, stormy.text(0), files, with_erratic(yard)) as served:
        load = Load(served, stormy.lasting.text)
        async with load.running():
            for number in range(1, 40):
                stormy.write(number, stormy.text(number))
                await served.post("/admin/reload")
    assert yard.late > 0 and load.wrong
