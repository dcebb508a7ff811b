"""Several workers of one gateway: each knows of an erasure that another one makes, and none brings anything back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from tests.gateways import process

CONFIG: Final = """
version: 1
providers: {main: {type: sqlite, path: data/main.db, embedder: none}}
defaults: {chain: main, retrieval: {strategy: recent}}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""
WRITERS: Final = 8
ENOUGH: Final = 40


async def test_what_was_acknowledged_before_an_erasure_is_gone_whichever_worker_wrote_it(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIG)
    acknowledged: list[str] = []
    statuses: set[int] = set()
    enough = asyncio.Event()
    asked = asyncio.Event()
    ended = asyncio.Event()
    with process(tmp_path / "gateway.yaml", "--workers", "2") as server:

        async def write(number: int) -> None:
            # A connection is one worker's: each writer has its own.
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
                count = 0
                while not ended.is_set():
                    body = {"content": f"{number}-{count}", "user_id": "ada"}
                    before, count = not asked.is_set(), count + 1
                    reply = await http.post("/v1/memories", json=body)
                    statuses.add(reply.status_code)
                    if reply.status_code == 201 and before and not asked.is_set():
                        acknowledged.append(reply.json()["id"])
                        if len(acknowledged) == ENOUGH:
                            enough.set()
                    await asyncio.sleep(0.01)

        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http, asyncio.TaskGroup() as tasks:
            for number in range(WRITERS):
                tasks.create_task(write(number))
            await enough.wait()
            asked.set()
            reply = (await http.delete("/v1/subjects/ada")).json()
            ended.set()
        assert reply["status"] == "done"
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            left = (await http.get("/v1/memories", params={"user_id": "ada", "limit": 200})).json()["memories"]
            await asyncio.sleep(1.0)  # by now every worker has heard that the fence is open
            new = {"content": "a new life", "user_id": "ada"}
            assert (await http.post("/v1/memories", json=new)).status_code == 201
    assert statuses == {201, 409}
    assert reply["deleted_memories"] >= len(acknowledged)
    assert not {each["id"] for each in left} & set(acknowledged)
    figure(
        f"erased under {WRITERS} writers on 2 workers: {len(acknowledged)} acknowledged before, 0 left; "
        f"{len(left)} written after the fence had opened"
    )
