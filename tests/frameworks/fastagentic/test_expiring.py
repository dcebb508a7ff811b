"""The protocol of FastAgentic's checkpoint stores, with what expires: hidden at once, counted once, gone from the disk."""

import asyncio
import inspect
import sqlite3
from pathlib import Path
from uuid import uuid4

import httpx
from fastagentic import Checkpoint, CheckpointMetadata
from fastagentic.checkpoint.base import CheckpointStatus, CheckpointStore
from fastagentic.checkpoint.stores import InMemoryCheckpointStore

from gateway.client import AsyncGateway
from gateway.client.frameworks.fastagentic import GatewayCheckpointStore
from gateway.domain.ports import Sweeps
from tests.gateways import SQLITE, gateway


def test_the_store_has_every_method_of_the_protocol_as_it_is_declared() -> None:
    methods = [name for name in vars(CheckpointStore) if not name.startswith("_")]
    assert len(methods) == 7
    for name in methods:
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (GatewayCheckpointStore, CheckpointStore))
        assert [(each.name, each.default) for each in ours.parameters.values()] == [
            (each.name, each.default) for each in theirs.parameters.values()
        ]
        assert inspect.iscoroutinefunction(getattr(GatewayCheckpointStore, name))


async def conforms(store: CheckpointStore) -> None:
    """What anybody may expect of a store, FastAgentic's own among them."""
    run, other = uuid4().hex, uuid4().hex
    whole = [
        Checkpoint(
            CheckpointMetadata(
                run_id=run,
                sequence=number,
                status=status,
                step_name=f"step {number}",
                parent_id=f"parent {number}" if number else None,
                tags=["t", f"t{number}"],
                ttl_seconds=60.5,
            ),
            {"n": number},
        )
        for number, status in enumerate((CheckpointStatus.ACTIVE, CheckpointStatus.FAILED, CheckpointStatus.COMPLETED))
    ]
    for each in whole:
        await store.save(each)
    await store.save(Checkpoint(CheckpointMetadata(run_id=other)))
    assert [await store.load(each.checkpoint_id) for each in whole] == whole
    assert await store.load_latest(run) == whole[2]
    assert await store.list_checkpoints(run) == [each.metadata for each in reversed(whole)]
    assert await store.list_checkpoints(run, limit=1) == [whole[2].metadata]
    brief = [Checkpoint(CheckpointMetadata(run_id=run, sequence=9, ttl_seconds=0.3)) for _ in range(2)]
    for each in brief:
        await store.save(each)
    assert await store.cleanup_expired() == 0
    await asyncio.sleep(0.4)
    assert await store.cleanup_expired() == 2
    assert await store.cleanup_expired() == 0
    assert [await store.load(each.checkpoint_id) for each in brief] == [None, None]
    assert len(await store.list_checkpoints(run)) == 3
    await store.delete(whole[2].checkpoint_id)
    assert await store.load_latest(run) == whole[1]
    assert (await store.delete_run(run), await store.load_latest(run)) == (2, None)
    assert len(await store.list_checkpoints(other)) == 1


async def test_fastagentics_own_store_is_what_is_expected() -> None:
    await conforms(InMemoryCheckpointStore())


async def test_a_store_of_the_gateway_does_what_fastagentics_own_does(gateway_url: str) -> None:
    async with AsyncGateway(gateway_url, user_id=uuid4().hex) as client:
        await conforms(GatewayCheckpointStore(client))


async def test_what_has_expired_is_hidden_counted_and_removed_and_what_lives_longer_is_not(tmp_path: Path) -> None:
    async with gateway(tmp_path, SQLITE) as made:
        transport = httpx.ASGITransport(app=made.app, raise_app_exceptions=False)
        async with AsyncGateway("http://localhost", transport=transport, user_id="ann") as client:
            store, again = GatewayCheckpointStore(client), GatewayCheckpointStore(client)
            named = [CheckpointMetadata(run_id="r", checkpoint_id=f"checkpoint-{n}", ttl_seconds=0.2) for n in range(4)]
            for about in named:
                await store.save(Checkpoint(about))
            named[2].ttl_seconds = 60
            await store.save(Checkpoint(named[2]))  # now for longer
            named[3].ttl_seconds = 60
            await again.save(Checkpoint(named[3]))  # the same, by somebody else
            await asyncio.sleep(0.3)
            assert [each.checkpoint_id for each in await again.list_checkpoints("r")] == [
                "checkpoint-3",
                "checkpoint-2",
            ]
            assert (await store.cleanup_expired(), await again.cleanup_expired()) == (2, 0)
            ((_, instance),) = [each for each in made.helm.running.means.instances.live() if each[0] == "main"]
            assert isinstance(instance, Sweeps)
            assert await instance.sweep(100) >= 2  # as the gateway does by itself, every so often
    with sqlite3.connect(tmp_path / "data" / "test.db") as database:
        there = "\n".join(database.iterdump())  # in which bytes stand as hexadecimal digits
    kept = [
        any(form in there for form in (about.checkpoint_id, about.checkpoint_id.encode().hex().upper()))
        for about in named
    ]
    assert kept == [False, False, True, True]


async def test_what_was_deleted_has_not_expired(gateway_url: str) -> None:
    async with AsyncGateway(gateway_url, user_id=uuid4().hex) as client:
        store = GatewayCheckpointStore(client)
        brief = [Checkpoint(CheckpointMetadata(run_id=run, ttl_seconds=0.3)) for run in ("one", "two")]
        for each in brief:
            await store.save(each)
        await store.delete(brief[0].checkpoint_id)
        assert await store.delete_run("two") == 1
        await asyncio.sleep(0.4)
        assert await store.cleanup_expired() == 0
