"""Three in ten calls fail, and the gateway is killed again and again: when all is well once more, both targets are equal,
nothing acknowledged is lost, and no deletion is undone. Over Redis and Postgres as they are.

MEMORY_GATEWAY_STORMS=20 for more than the suite has time for. The counter-test is that of the same story in this
process (`tests/chain/test_converging.py`), where deliveries that forget deletions are found out.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.domain.ports import Kit
from gateway.providers.postgres import Postgres
from gateway.providers.redis import Redis
from tests.gateways import Process, process
from tests.promises.test_killing_mirrored import CONFIG, delivered, options, state
from tests.servers.postgres import postgres
from tests.servers.redis import redis

STORMS: Final = int(os.environ.get("MEMORY_GATEWAY_STORMS") or 2)
CHANGES: Final = 150  # in each storm, after which the gateway is killed
CALLERS: Final = 6
ERRORS: Final = 0.3
SEED: Final = 9_271


class Caller:
    """Adds, changes and deletes memories of its own, one after the other, and knows what was acknowledged."""

    def __init__(self, number: int) -> None:
        self.chance = random.Random(f"{SEED} {number}")
        self.user = f"caller {number}"
        self.texts: dict[str, str] = {}  # as acknowledged last
        self.gone: set[str] = set()
        self.unsure: set[str] = set()  # the last change failed: it may have been made or not
        self.made = self.failed = self.number = 0

    async def change(self, http: httpx.AsyncClient) -> None:
        self.number += 1
        known = [each for each in self.texts if each not in self.unsure]
        # Most changes fail, and of what they failed on nothing is known: there must be more to begin with.
        (deed,) = self.chance.choices(("add", "change", "delete"), (8, 1, 1)) if known else ("add",)
        target = self.chance.choice(known) if known and deed != "add" else ""
        text = f"{self.user} says {self.number}"
        path, params = f"/v1/memories/{target}", {"user_id": self.user}
        try:
            match deed:
                case "add":
                    body, key = {"user_id": self.user, "content": text}, {"Idempotency-Key": text}
                    reply = await http.post("/v1/memories", json=body, headers=key)
                case "change":
                    reply = await http.patch(path, json={"user_id": self.user, "content": text})
                case _:
                    reply = await http.delete(path, params=params)
        except httpx.TransportError:
            reply = None
        self.made += 1
        if reply is None or reply.status_code >= 300:
            self.failed += 1
            if target:
                self.unsure.add(target)
        elif deed == "delete":
            self.gone.add(target)
            del self.texts[target]
        else:
            self.texts[reply.json()["id"]] = text


async def storm(server: Process, callers: list[Caller], rng: random.Random) -> None:
    """So many changes while faults are before both backends, then the end of the process in the middle of more."""
    left = CHANGES

    async def go_on(caller: Caller, http: httpx.AsyncClient) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await caller.change(http)
        if server.popen.poll() is None and rng.random() < 0.5:
            server.kill()
        await caller.change(http)

    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        for provider, cut in (("main", 0.05), ("copy", 0.1)):
            faults = {"provider": provider, "seconds": 600, "errors": ERRORS - cut, "cut": cut}
            assert (await http.post("/admin/chaos", params=faults)).json()["agreed"]
        await asyncio.gather(*(go_on(each, http) for each in callers))
    server.kill()


async def test_after_errors_and_kills_all_targets_are_equal_and_no_deletion_is_undone(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    rng, callers = random.Random(SEED), [Caller(number) for number in range(CALLERS)]
    with redis(tmp_path / "redis") as first, postgres(tmp_path / "postgres") as second:
        places: dict[str, Any] = {
            "redis": first["url"], "prefix": f"c{SEED}:", "postgres": f"postgresql://{second['authority']}",
            "table": f"c{SEED}",
        }  # fmt: skip
        (tmp_path / "gateway.yaml").write_text(f"{CONFIG.format(**places)}\nadmin: {{chaos: true}}\n")
        for _ in range(STORMS):
            with process(tmp_path / "gateway.yaml") as server:
                await storm(server, callers, rng)
        with process(tmp_path / "gateway.yaml") as server:
            took = await delivered(server)
        async with AsyncExitStack() as stack:
            kit = Kit(name="seen", clock=lambda: datetime.now(UTC), home=tmp_path)
            main = Redis(options(Redis, url=places["redis"], prefix=places["prefix"]), kit)
            copy = Postgres(options(Postgres, url=places["postgres"], table=places["table"], vectors=False), kit)
            left, right = [await state(provider, stack) for provider in (main, copy)]
    differences = sum(left.get(id_) != right.get(id_) for id_ in left.keys() | right.keys())
    undone = sum(id_ in left or id_ in right for each in callers for id_ in each.gone)
    sure = {id_: text for each in callers for id_, text in each.texts.items() if id_ not in each.unsure}
    lost = sum(id_ not in left or left[id_][1] != text for id_, text in sure.items())
    made, failed = sum(each.made for each in callers), sum(each.failed for each in callers)
    figure(
        f"P12 over redis and a mirror in postgres: {STORMS} kills, {made} changes with {ERRORS:.0%} of calls failing, "
        f"{failed} of them told so: {differences} differences, {undone} deletions undone, {lost} acknowledged lost; "
        f"equal {took:.0f} s after the last"
    )
    assert (differences, undone, lost) == (0, 0, 0)
    assert failed
    assert sure
    assert any(each.gone for each in callers)
