"""Sending the same write again is safe: however many copies, at whatever time, it is one memory."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways import MEMORY, SQLITE, gateway, process
from tests.promises.writers import Write

SEED = 99


@pytest.fixture(params=["memory, in process", "sqlite, two workers"])
async def http(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    if request.param == "memory, in process":
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
    http: httpx.AsyncClient, figure: Callable[[str], None], request: pytest.FixtureRequest
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
    figure(f"500 writes sent {sent} times made {len(numbers)} memories ({request.node.callspec.params['http']})")
    assert sorted(numbers) == list(range(500))


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
