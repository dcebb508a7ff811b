"""What was done is told to a real server: signed, at least once, and never in a request's way."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.hooks.webhook.outbox import Outbox
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
    outbox = Outbox(tmp_path / "webhooks.db", "it")
    outbox.open()
    assert outbox.waiting() == (0, 0)
    outbox.close()


async def test_after_so_many_attempts_a_delivery_is_dead_and_kept(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "taken"
    with receiver(port, path, 500):
        async with gateway(tmp_path, config(hook(port, ", attempts: 3, content: true"))) as made:
            assert (await add(made, "tea"))["event"] == "ADD"
            outbox = Outbox(tmp_path / "webhooks.db", "it")
            outbox.open()
            end = time.monotonic() + 20
            while outbox.waiting() != (0, 1):
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            outbox.close()
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
