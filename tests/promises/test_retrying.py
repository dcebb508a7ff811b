"""Sending the same write again is safe: however many copies, at whatever time, it is one memory.

As many writes as the suite has time for; MEMORY_GATEWAY_RETRIED_WRITES=10000 for as many as the promise says.
"""

import asyncio
import json
import os
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways import MEMORY, SQLITE, gateway, process
from tests.promises.writers import Write, stored

SEED = 99
WRITES = int(os.environ.get("MEMORY_GATEWAY_RETRIED_WRITES", "1500"))


@pytest.fixture(params=["memory, in process", "sqlite, two workers"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def http(way: str, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    if way == "memory, in process":
        async with gateway(tmp_path, MEMORY) as served:
            yield served.http
    else:
        (tmp_path / "gateway.yaml").write_text(SQLITE)
        with process(tmp_path / "gateway.yaml", "--workers", "2") as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                yield client


async def send(http: httpx.AsyncClient, key: str, body: dict[str, Any], path: str = "/v1/memories") -> httpx.Response:
    return await http.post(path, json=body, headers={"Idempotency-Key": key})


async def test_concurrent_copies_of_a_write_are_one_memory(
    http: httpx.AsyncClient, way: str, figure: Callable[[str], None]
) -> None:
    rng = random.Random(SEED)
    wire = asyncio.Semaphore(16)
    sent = 0

    async def copies(write: Write) -> None:
        nonlocal sent
        body = {"user_id": write.user, **write.body()}
        count = rng.randint(1, 5)
        sent += count
        async with wire:
            replies = await asyncio.gather(*(send(http, write.key, body) for _ in range(count)))
        assert {each.status_code for each in replies} == {201}
        first = [each for each in replies if "idempotency-replayed" not in each.headers]
        assert len(first) == 1
        assert {each.headers["idempotency-replayed"] for each in replies if each is not first[0]} <= {"true"}
        original = {**first[0].json(), "replayed": True}
        assert all(each.json() == original for each in replies if each is not first[0])

    await asyncio.gather(*(copies(Write(n)) for n in range(500)))
    numbers: list[int] = []
    for user in (f"user-{n}" for n in range(7)):
        page = (await http.get("/v1/memories", params={"user_id": user, "limit": 200})).json()
        assert page["cursor"] is None
        numbers += [each["metadata"]["number"] for each in page["memories"]]
    figure(f"500 writes sent {sent} times made {len(numbers)} memories ({way})")
    assert sorted(numbers) == list(range(500))


class Wire:
    """Connections that are kept; and callers who send a request whole and hang up before the reply."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def send(self, key: str, body: dict[str, Any]) -> tuple[int, bool, bytes]:
        """Status, whether it was replayed, body."""
        reader, writer = await self._sent(key, body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        content = await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        self._idle.append((reader, writer))
        return int(head[9:12]), b"idempotency-replayed: true" in head, content

    async def hang_up(self, key: str, body: dict[str, Any]) -> None:
        _, writer = await self._sent(key, body)
        writer.transport.abort()

    async def _sent(self, key: str, body: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        streams = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        content = json.dumps(body).encode()
        head = (
            f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        streams[1].write(head.encode() + content)
        await streams[1].drain()
        return streams

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def test_copies_whose_callers_hang_up_are_one_memory_and_every_replay_is_the_same(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    rng, turns = random.Random(SEED), asyncio.Semaphore(16)
    sent = dropped = replays = mismatches = 0
    (tmp_path / "gateway.yaml").write_text(SQLITE)

    async def copies(wire: Wire, write: Write) -> None:
        nonlocal sent, dropped, replays, mismatches
        body = {"user_id": write.user, **write.body()}
        answered, lost = rng.randint(1, 4), rng.random() < 0.2
        sent, dropped = sent + answered + lost, dropped + lost
        hanging_up = [wire.hang_up(write.key, body)] if lost else []
        replies, _ = await asyncio.gather(
            asyncio.gather(*(wire.send(write.key, body) for _ in range(answered))), asyncio.gather(*hanging_up)
        )
        assert {status for status, _, _ in replies} == {201}
        firsts = [content for _, replayed, content in replies if not replayed]
        assert len(firsts) <= 1
        assert firsts or lost, "somebody must have been the first"
        again = [content for _, replayed, content in replies if replayed]
        if again and firsts:
            assert json.loads(again[0]) == {**json.loads(firsts[0]), "replayed": True}
        assert len(set(again)) <= 1, "to the byte"
        replays += len(again)
        if rng.random() < 0.1:
            status, _, content = await wire.send(write.key, {**body, "content": "another"})
            assert (status, json.loads(content)["code"]) == (422, "idempotency_mismatch")
            mismatches += 1

    async def one(wire: Wire, write: Write) -> None:
        async with turns:
            await copies(wire, write)

    with process(tmp_path / "gateway.yaml", "--workers", "2") as server:
        wire = Wire(server.port)
        await asyncio.gather(*(one(wire, Write(number)) for number in range(WRITES)))
        wire.close()
        found = await stored(server)
    numbers = sorted(each["metadata"]["number"] for each in found.values())
    figure(
        f"{WRITES} writes sent {sent} times, {dropped} of them by callers who hung up, made {len(numbers)} memories; "
        f"{replays} replays the same to the byte, {mismatches} of {mismatches} other bodies refused (sqlite, two workers)"
    )
    assert numbers == list(range(WRITES))
    assert dropped > WRITES / 10 and replays > WRITES


async def test_a_key_stands_for_one_request_only(http: httpx.AsyncClient) -> None:
    body = {"user_id": "u", "content": "first", "metadata": {"n": 1}}
    first = await send(http, "k", body)
    assert first.status_code == 201
    others: list[dict[str, Any]] = [
        {**body, "content": "second"}, {**body, "metadata": {"n": 2}}, {**body, "user_id": "v"}, {**body, "role": "x"},
        {**body, "ttl_seconds": 5}, {**body, "metadata": {}},
    ]  # fmt: skip
    for other in others:
        refused = await send(http, "k", other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch"), other
    again = await send(http, "k", body)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    listed = (await http.get("/v1/memories", params={"user_id": "u"})).json()["memories"]
    assert [each["content"] for each in listed] == ["first"]


async def test_copies_of_a_batch_are_one_batch(http: httpx.AsyncClient) -> None:
    body = {"user_id": "u", "memories": [Write(n).body() for n in range(20)]}
    replies = await asyncio.gather(*(send(http, "b", body, "/v1/memories/batch") for _ in range(5)))
    ids = [[each["id"] for each in reply.json()["results"]] for reply in replies]
    assert all(each == ids[0] for each in ids)
    listed = (await http.get("/v1/memories", params={"user_id": "u"})).json()["memories"]
    assert sorted(each["id"] for each in listed) == sorted(ids[0])


async def test_a_memory_made_anew_under_its_old_key_has_the_events_of_its_new_life(http: httpx.AsyncClient) -> None:
    body = {"user_id": "u", "content": "one"}
    path = "/v1/memories/" + (await send(http, "k", body)).json()["id"]
    assert (await http.delete(path, params={"user_id": "u"})).json() == {"deleted": 1}
    again = await send(http, "k", body)
    assert again.json()["replayed"] is False
    await http.patch(path, json={"user_id": "u", "content": "two"})
    events = (await http.get(f"{path}/history", params={"user_id": "u"})).json()["events"]
    assert events[-1]["event"] == "UPDATE" and events[-1]["new"] == "two"
