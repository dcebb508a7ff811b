"""What was done is told to a real server: signed, at least once, and never in a request's way."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.hooks.webhook.outbox import Outbox, Waiting
from gateway.hooks.webhook.signing import genuine
from tests.gateways import free_port, gateway, process
from tests.hooks.test_rules import add, config

SECRET = "a-secret-of-sixteen"


def hook(port: int, more: str = "") -> str:
    return f"type: webhook, url: 'http://127.0.0.1:{port}/in', secret: {SECRET}, backoff: 100ms, longest: 300ms{more}"


@contextmanager
def receiver(port: int, path: Path, status: int = 200) -> Generator[None]:
    made = subprocess.Popen([sys.executable, "-m", "tests.hooks.receiver", str(port), str(path), str(status)])
    try:
        yield
    finally:
        made.kill()
        made.wait()


def lines(path: Path) -> list[Any]:
    return [json.loads(each) for each in path.read_text().splitlines()] if path.exists() else []


def waiting(home: Path) -> list[Waiting]:
    outbox = Outbox(home / "webhooks.db", "it")
    outbox.open()
    try:
        return outbox.waiting(dead=False)
    finally:
        outbox.close()


async def left(home: Path, count: int, like: Callable[[Waiting], bool]) -> list[Waiting]:
    """What is still to be told, as soon as so many are like that."""
    end = time.monotonic() + 20
    while len(found := [each for each in waiting(home) if like(each)]) != count:
        assert time.monotonic() < end, waiting(home)
        await asyncio.sleep(0.05)
    return found


def until(path: Path, count: int, seconds: float = 30) -> list[Any]:
    """All that has come, as soon as so many different events have."""
    end = time.monotonic() + seconds
    while True:
        found = lines(path)
        if len({each["headers"]["x-webhook-id"] for each in found}) >= count:
            return found
        assert time.monotonic() < end, f"{len(found)} of {count} have come"
        time.sleep(0.05)


def test_nothing_is_lost_while_the_receiver_is_down_and_the_gateway_is_killed(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "taken"
    (tmp_path / "gateway.yaml").write_text(config(hook(port)))
    ids: list[str] = []
    with process(tmp_path / "gateway.yaml") as one:
        slowest = 0.0
        for n in range(20):
            began = time.monotonic()
            told = httpx.post(f"{one.url}/v1/memories", json={"content": f"secret tea {n}", "user_id": "ada"}).json()
            slowest = max(slowest, time.monotonic() - began)
            ids.append(told["id"])
        assert slowest < 5  # nobody waits for a receiver that is not there
        one.kill()
    with receiver(port, path), process(tmp_path / "gateway.yaml"):
        taken = until(path, 20)
    bodies = {each["headers"]["x-webhook-id"]: json.loads(each["body"]) for each in taken}
    assert sorted(each["record_id"] for each in bodies.values()) == sorted(ids)
    for each in taken:
        head = each["headers"]
        body, stamp, signed = each["body"].encode(), head["x-webhook-timestamp"], head["x-webhook-signature"]
        assert genuine(SECRET, stamp, body, signed, time.time())
        assert not genuine(SECRET, stamp, body + b" ", signed, time.time())
        assert not genuine("another-secret-of-16", stamp, body, signed, time.time())
        assert not genuine(SECRET, stamp, body, signed, time.time() + 3600)
        assert bodies[head["x-webhook-id"]] == json.loads(body) and "secret tea" not in each["body"]
        assert json.loads(body)["id"] == head["x-webhook-id"] and json.loads(body)["event"] == "after_add"


def test_what_was_taken_by_a_killed_process_goes_out_again_under_the_same_id(tmp_path: Path) -> None:
    """Killed between the delivery and the note that it was taken: the second one says that it is the same."""
    port, path = free_port(), tmp_path / "taken"
    (tmp_path / "gateway.yaml").write_text(config(hook(port, ", send_timeout: 500ms")))
    with receiver(port, path, 503), process(tmp_path / "gateway.yaml") as one:
        httpx.post(f"{one.url}/v1/memories", json={"content": "tea", "user_id": "ada"})
        until(path, 1)
        one.kill()
    with receiver(port, path), process(tmp_path / "gateway.yaml"):
        end = time.monotonic() + 30
        while len(lines(path)) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(0.5)
    taken = lines(path)
    assert len({each["headers"]["x-webhook-id"] for each in taken}) == 1
    assert len({each["body"] for each in taken}) == 1
    assert waiting(tmp_path) == []


async def test_after_so_many_attempts_a_delivery_is_dead_and_kept(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "taken"
    with receiver(port, path, 500):
        async with gateway(tmp_path, config(hook(port, ", attempts: 3, content: true"))) as made:
            assert (await add(made, "tea"))["event"] == "ADD"
            (letter,) = await left(tmp_path, 1, lambda each: each.due is None)
            assert (letter.attempts, letter.why) == (3, "500")
    assert [each["headers"]["x-webhook-attempt"] for each in lines(path)] == ["1", "2", "3"]
    assert json.loads(lines(path)[0]["body"])["content"] == "tea"  # where contents are asked for


def test_without_its_outbox_a_delivery_would_be_lost(tmp_path: Path) -> None:
    """The counter-test: what a process holds in memory alone does not come out of another."""
    port, path = free_port(), tmp_path / "taken"
    (tmp_path / "gateway.yaml").write_text(config(hook(port)))
    with process(tmp_path / "gateway.yaml") as one:
        httpx.post(f"{one.url}/v1/memories", json={"content": "tea", "user_id": "ada"})
        one.kill()
    for each in tmp_path.glob("webhooks.db*"):
        each.unlink()
    with receiver(port, path), process(tmp_path / "gateway.yaml"):
        time.sleep(1.5)
    assert lines(path) == []


async def test_what_waits_is_not_to_be_read_in_the_file_and_comes_whole(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "taken"
    async with gateway(tmp_path, config(hook(port, ", content: true"))) as made:
        for number in range(50):
            await add(made, f"canary-{number}", "canary-user", metadata={"note": "canary-note"})
        raw = await asyncio.to_thread(lambda: b"".join(each.read_bytes() for each in tmp_path.glob("webhooks.db*")))
        assert len(raw) > 10_000 and raw.count(b"canary") == 0
        with receiver(port, path):
            taken = await asyncio.to_thread(until, path, 50)
    said = {json.loads(each["body"])["content"] for each in taken}
    assert said == {f"canary-{number}" for number in range(50)}


async def test_a_letter_in_the_place_of_another_is_not_told(tmp_path: Path) -> None:
    """Whoever can write the file can drop letters, and can make none."""
    port, path = free_port(), tmp_path / "taken"
    async with gateway(tmp_path, config(hook(port, ", content: true"))) as made:
        await add(made, "tea")
        await add(made, "coffee")
        with sqlite3.connect(tmp_path / "webhooks.db", timeout=5) as file:
            (first,), (second,) = file.execute("SELECT id FROM letters ORDER BY id").fetchall()
            body = file.execute("SELECT body FROM letters WHERE id = ?", (first,)).fetchone()
            file.execute("UPDATE letters SET body = ? WHERE id = ?", (*body, second))
        with receiver(port, path):
            (dead,) = await left(tmp_path, 1, lambda each: each.due is None)
            (told,) = await asyncio.to_thread(until, path, 1)
    assert dead.id == second and "sealed" in dead.why
    assert json.loads(told["body"])["content"] == "tea"


@pytest.mark.parametrize("more", [f", previous_secret: {SECRET}", ""], ids=["known", "forgotten"])
async def test_a_change_of_the_secret_loses_nothing_where_the_one_before_is_named(tmp_path: Path, more: str) -> None:
    port, path, newer = free_port(), tmp_path / "taken", "another-of-sixteen"
    quick = ", send_timeout: 500ms"
    async with gateway(tmp_path, config(hook(port, quick))) as made:
        await add(made, "tea")
    changed = hook(port, quick + more).replace(f"secret: {SECRET}", f"secret: {newer}", 1)
    with receiver(port, path):
        async with gateway(tmp_path, config(changed)) as made:
            if more:
                (told,) = await asyncio.to_thread(until, path, 1)
                head, body = told["headers"], told["body"].encode()
                assert genuine(newer, head["x-webhook-timestamp"], body, head["x-webhook-signature"], time.time())
            else:
                (dead,) = await left(tmp_path, 1, lambda each: each.due is None)
                assert dead.why == "it is sealed under a secret that is not declared any more"


async def test_of_somebody_who_is_erased_nothing_is_told_any_more_and_nothing_kept(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "taken"
    async with gateway(tmp_path, config(hook(port, ", content: true"))) as made:
        for user in ("ada", "bob"):
            for number in range(3):
                await add(made, f"{user} drinks tea {number}", user)
        reply = (await made.http.delete("/v1/subjects/ada")).json()
        assert (reply["status"], reply["queued"]) == ("done", 3)
        await add(made, "ada is here again", "ada")
        with receiver(port, path):
            await left(tmp_path, 0, lambda _: True)
    said = [json.loads(each["body"]) for each in lines(path)]
    added = sorted(each["content"] for each in said if each["event"] == "after_add")
    assert added == ["ada is here again", *(f"bob drinks tea {number}" for number in range(3))]
    assert sum(each.get("count", 0) for each in said if each["event"] == "after_delete") == 3, "their end is told"


async def test_of_one_kind_alone_it_is_told_all_the_same(tmp_path: Path) -> None:
    async with gateway(tmp_path, config(hook(free_port()))) as made:
        await add(made, "tea")
        reply = (await made.http.delete("/v1/subjects/ada?kinds=memory")).json()
        assert (reply["status"], reply["deleted_memories"], reply["queued"]) == ("done", 1, 0)
        assert len(waiting(tmp_path)) >= 1


async def test_an_erasure_is_not_done_while_the_file_cannot_be_asked(tmp_path: Path) -> None:
    """The counter-test: who cannot say that it is gone is not believed."""
    async with gateway(tmp_path, config(hook(free_port()))) as made:
        await add(made, "tea")
        other = sqlite3.connect(tmp_path / "webhooks.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        reply = (await made.http.delete("/v1/subjects/ada?wait_seconds=1")).json()
        assert reply["status"] == "pending"
        other.execute("ROLLBACK")
        other.close()
        end = time.monotonic() + 30
        while (reply := (await made.get(f"/v1/subjects/ada/erasures/{reply['id']}")).json())["status"] != "done":
            assert time.monotonic() < end, reply
            await asyncio.sleep(0.1)
        assert reply["queued"] >= 1
