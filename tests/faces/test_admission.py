"""Who comes in, who waits, who is refused: places by turns of the tenants, never more than there are, none lost."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.config.model import Server
from gateway.domain.errors import GatewayError, TooMany, Unavailable
from gateway.domain.units import Duration
from gateway.faces.http.admission import Admission, Place
from gateway.runtime.meters import Meters
from tests.gateways import MEMORY, gateway


class Door:
    """An admission, and those who come to it: each holds its place until it is told to go."""

    def __init__(self, places: int, waiting: int, wait: str = "10s", tenants: int = 2) -> None:
        self.meters = Meters()
        self.admission = Admission(self.meters)
        server = Server(max_concurrent=places, max_waiting=waiting, max_wait=Duration(wait))
        # All that it reads of a Snapshot.
        self._snapshot: Any = SimpleNamespace(
            config=SimpleNamespace(server=server), tenants=dict.fromkeys(map(str, range(tenants)))
        )
        self.inside: list[str] = []
        self._go: dict[str, asyncio.Event] = {}

    def place(self, tenant: str) -> Place:
        return self.admission.place(self._snapshot, tenant)

    async def come(self, name: str) -> asyncio.Task[None]:
        """`name` is a tenant and a number: a1."""
        self._go[name] = asyncio.Event()
        task = asyncio.create_task(self._stay(name))
        await settled()
        return task

    async def _stay(self, name: str) -> None:
        async with self.place(name[0]):
            self.inside.append(name)
            try:
                await self._go[name].wait()
            finally:
                self.inside.remove(name)

    async def leave(self, name: str) -> None:
        self._go[name].set()
        await settled()


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_freed_places_go_to_tenants_by_turns_and_within_one_by_order() -> None:
    door = Door(places=1, waiting=10)
    await door.come("a0")
    for name in ("a1", "a2", "a3", "b1", "b2"):
        await door.come(name)
    order: list[str] = []
    while door.inside:
        order += door.inside
        await door.leave(door.inside[0])
    assert order == ["a0", "a1", "b1", "a2", "b2", "a3"]
    assert (door.admission.running, door.admission.waiting) == (0, 0)


async def test_who_finds_no_place_to_wait_is_refused_at_once_with_a_time_to_come_back() -> None:
    door = Door(places=1, waiting=1, tenants=1)
    await door.come("a0")
    await door.come("a1")
    seen: set[str] = set()
    for _ in range(9):
        with pytest.raises(Unavailable) as refused:
            async with door.place("a"):
                raise AssertionError("let in")
        assert refused.value.code == "gateway_full"
        seen.add(refused.value.headers["Retry-After"])
    assert seen == {"1", "2", "3"}, "not all in the same second"
    assert door.meters.sheds == {"full": 9}


async def test_one_tenant_takes_neither_all_that_wait_nor_all_that_run() -> None:
    door = Door(places=4, waiting=4)
    for number in range(5):
        await door.come(f"a{number}")
    assert door.inside == ["a0", "a1", "a2"], "a quarter is left to others"
    with pytest.raises(TooMany) as refused:
        await (await door.come("a6"))
    assert (refused.value.code, refused.value.status) == ("tenant_share", 429)
    await door.come("b0")
    assert door.inside[-1] == "b0"
    await door.come("b1")
    assert door.admission.waiting == 3
    assert door.meters.sheds == {"share": 1}


async def test_a_tenant_alone_has_all_places() -> None:
    door = Door(places=4, waiting=4, tenants=1)
    for number in range(8):
        await door.come(f"a{number}")
    assert (len(door.inside), door.admission.waiting) == (4, 4)


async def test_who_has_waited_long_enough_is_refused_and_takes_no_place() -> None:
    door = Door(places=1, waiting=5, wait="30ms")
    await door.come("a0")
    with pytest.raises(Unavailable) as refused:
        await (await door.come("a1"))
    assert refused.value.code == "gateway_late"
    assert (door.admission.running, door.admission.waiting) == (1, 0)
    await door.leave("a0")
    assert door.admission.running == 0
    await door.come("a2")
    assert door.inside == ["a2"]


async def test_requests_that_only_compute_wait_and_are_refused_like_others_and_let_the_loop_turn() -> None:
    """They never overlap, and would otherwise queue up unseen, all before whatever else the loop has to do."""
    now = 0.0
    door = Door(places=100, waiting=10, tenants=1)
    door.admission = Admission(door.meters, lambda: now)
    ends: list[str] = []

    async def busy() -> None:
        nonlocal now
        try:
            async with door.place("a"):
                now += 0.3  # of computing
                ends.append("served")
        except GatewayError as error:
            ends.append(error.code)

    async def something_else() -> None:
        for _ in range(30):
            await asyncio.sleep(0)
            ends.append("-")

    await asyncio.gather(*(busy() for _ in range(20)), something_else())
    assert Counter(ends) == {"served": 11, "gateway_full": 9, "-": 30}
    assert "served served" not in " ".join(ends), "the loop turns between a few"
    assert (door.admission.running, door.admission.waiting) == (0, 0)


async def test_places_are_neither_lost_nor_made_whatever_becomes_of_those_who_wait() -> None:
    rng = random.Random(7)
    door = Door(places=5, waiting=8, wait="3ms", tenants=3)
    most = 0

    async def one() -> None:
        nonlocal most
        async with door.place(rng.choice("abc")):
            most = max(most, door.admission.running)
            await asyncio.sleep(rng.random() * 0.004)

    tasks: list[asyncio.Task[None]] = []
    for _ in range(1_000):
        tasks.append(asyncio.create_task(one()))
        if rng.random() < 0.3:
            rng.choice(tasks[-10:]).cancel()
        if rng.random() < 0.2:
            await asyncio.sleep(rng.random() * 0.002)
    ends = Counter(type(end).__name__ for end in await asyncio.gather(*tasks, return_exceptions=True))
    assert ends["NoneType"] > 100
    assert ends["CancelledError"] > 20
    assert ends["Unavailable"] + ends["TooMany"] > 20
    assert most == 5
    assert (door.admission.running, door.admission.waiting) == (0, 0)
    for name in ("a1", "b1", "a2", "b2", "c1", "c2"):
        await door.come(name)
    assert (len(door.inside), door.admission.waiting) == (5, 1)


async def test_a_refusal_comes_before_the_body_is_read(tmp_path: Path) -> None:
    text = MEMORY.replace("version: 1", "version: 1\nserver: {max_concurrent: 1, max_waiting: 0}")
    async with gateway(tmp_path, text) as served:
        halfway, rest = asyncio.Event(), asyncio.Event()

        async def slowly() -> Any:
            yield b'{"user_id": "u", '
            halfway.set()
            await rest.wait()
            yield b'"content": "c"}'

        async def refusing() -> Any:
            raise AssertionError("the body was read")
            yield b""

        first = await starting(served.app, slowly())
        await halfway.wait()
        status, headers, body = await (await starting(served.app, refusing()))
        assert status == 503
        assert headers[b"content-type"] == b"application/problem+json"
        assert int(headers[b"retry-after"]) >= 1
        assert b'"gateway_full"' in body
        for path in ("/health/live", "/health/ready", "/metrics", "/admin/status"):
            assert (await served.get(path)).status_code == 200
        metrics = (await served.get("/metrics")).text
        assert 'gateway_requests_shed_total{reason="full"} 1.0' in metrics
        assert "gateway_requests_in_flight 1.0" in metrics
        rest.set()
        assert (await first)[0] == 201
        assert (await served.post("/v1/memories", {"user_id": "u", "content": "d"})).status_code == 201


async def starting(app: Any, body: Any) -> "asyncio.Task[tuple[int, dict[bytes, bytes], bytes]]":
    """An add whose body comes piece by piece."""
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "path": "/v1/memories", "raw_path": b"/v1/memories", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 1), "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> Any:
        try:
            return {"type": "http.request", "body": await anext(body), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> tuple[int, dict[bytes, bytes], bytes]:
        await app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    return asyncio.create_task(run())
