"""What outlives a process, and what several of them may do at once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec
import pytest

from gateway.domain.ports import Counted, Matching, Nearest, Revised, Scan
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned, unit
from gateway.testing.subjects import DIMENSION, Place, Subject
from gateway.testing.worker import Job

KILLS = 5


class Acknowledged(msgspec.Struct, frozen=True):
    ids: list[str]
    texts: list[str]


def started(subject: Subject, place: Place, tenant: str, seed: str, batches: int) -> subprocess.Popen[bytes]:
    job = Job(
        plugin=subject.plugin, options=subject.options(place), home=str(place.home), token=place.token, server=dict(place.server),
        tenant=tenant, seed=seed, batches=batches,
    )  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.testing.worker", msgspec.json.encode(job).decode()],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def acknowledged(lines: Sequence[bytes]) -> dict[str, str]:
    """Id to text. A last line without its end was being written when the process died."""
    whole = [msgspec.json.decode(line, type=Acknowledged) for line in lines if line.endswith(b"\n")]
    return {id_: text for each in whole for id_, text in zip(each.ids, each.texts, strict=True)}


@pytest.mark.needs("durable")
async def test_everything_is_there_after_a_restart(subject: Subject, place: Place, make: Maker, clock: Time) -> None:
    records = [make.record("tea", vector=make.vector(DIMENSION), metadata={"n": n}) for n in range(30)]
    reach = Reach.only(make.scope())
    async with subject.opened(place, clock) as before:
        await before.put(records)
        await before.delete(reach, [records[0].id])
        revision = await before.revision(reach) if isinstance(before, Revised) else b""
        count = await before.count() if isinstance(before, Counted) else {}
    async with subject.opened(place, clock) as after:
        assert await scanned(after, reach, vectors=True) == records[:0:-1]
        if isinstance(after, Revised):
            assert await after.revision(reach) == revision
        if isinstance(after, Counted):
            assert await after.count() == count
        if isinstance(after, Nearest):
            hit, *_ = await after.nearest(reach, records[5].vector or b"", MEMORIES, 1)
            assert hit.record.id == records[5].id
        if isinstance(after, Matching):
            assert len(await after.matching(reach, ["tea"], MEMORIES, 100)) == 29
        assert list(await after.put([make.record(id=records[1].id)])) == [False]


@pytest.mark.needs("durable")
async def test_opening_again_and_again_changes_nothing(
    subject: Subject, place: Place, make: Maker, clock: Time
) -> None:
    record = make.record()
    async with subject.opened(place, clock) as provider:
        await provider.put([record])
    for _ in range(5):
        async with subject.opened(place, clock) as provider:
            assert await scanned(provider, Reach.only(record.scope)) == [record]


@pytest.mark.needs("durable")
async def test_what_was_acknowledged_survives_a_killed_process(
    subject: Subject, place: Place, make: Maker, clock: Time
) -> None:
    chance = random.Random("kills")
    expected: dict[str, str] = {}
    for turn in range(KILLS):
        process = started(subject, place, make.tenant, f"{make.tenant}{turn}", 100_000)
        assert process.stdout is not None
        lines = [process.stdout.readline()]  # the first acknowledgement: it is at work
        time.sleep(chance.uniform(0.0, 0.25))  # noqa: ASYNC251 -- nothing else is to run
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        expected |= acknowledged(lines)
    assert len(expected) > KILLS
    async with subject.opened(place, clock) as provider:
        found = await scanned(provider, everything(make.tenant), limit=500)
        ids = [each.id for each in found]
        assert len(ids) == len(set(ids)), "a record is there twice"
        texts = {each.id: each.text for each in found}
        assert not expected.keys() - texts.keys(), "acknowledged writes are gone"
        assert {id_: texts[id_] for id_ in expected} == expected
        for record in found:
            number, n, size = record.text.split(":")[:3]
            assert record.metadata == {"number": int(number), "n": int(n), "size": int(size)}
        if isinstance(provider, Counted):
            counted = (await provider.count())[Kind.MEMORY]
            whole = await scanned(provider, everything(make.tenant), limit=500, vectors=True)
            assert (counted.records, counted.bytes) == (len(whole), sum(each.size() for each in whole))


@pytest.mark.needs("shared")
async def test_processes_that_write_at_once_lose_nothing(
    subject: Subject, place: Place, make: Maker, clock: Time
) -> None:
    """Both start on a place that does not exist yet, so that making it is part of the race."""
    batches = 64 if subject.many > 1_000 else 12
    processes = [started(subject, place, make.tenant, f"{make.tenant}{n}", batches) for n in range(2)]
    outputs = [process.communicate(timeout=90)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    expected = {k: v for output in outputs for k, v in acknowledged(output.splitlines(keepends=True)).items()}
    async with subject.opened(place, clock) as provider:
        found = await scanned(provider, everything(make.tenant), limit=500)
        assert {each.id: each.text for each in found} == expected
        if isinstance(provider, Counted):
            assert (await provider.count())[Kind.MEMORY].records == len(found)


@pytest.mark.needs("shared")
async def test_what_one_instance_writes_the_other_sees_at_once(
    subject: Subject, place: Place, make: Maker, clock: Time
) -> None:
    reach = Reach.only(make.scope())
    async with subject.opened(place, clock) as one_, subject.opened(place, clock) as other:
        record = make.record("tea", vector=unit([1] * DIMENSION))
        revision = await other.revision(reach) if isinstance(other, Revised) else b""
        if isinstance(other, Nearest):
            assert not await other.nearest(reach, record.vector or b"", MEMORIES, 5)
        await one_.put([record])
        assert await one(other, record) == record
        assert len((await other.scan(reach, Scan(where=MEMORIES, limit=5))).records) == 1
        if isinstance(other, Revised):
            assert await other.revision(reach) != revision
        if isinstance(other, Nearest):
            assert len(await other.nearest(reach, record.vector or b"", MEMORIES, 5)) == 1
        if isinstance(other, Matching):
            assert len(await other.matching(reach, ["tea"], MEMORIES, 5)) == 1
        assert await other.delete(reach, [record.id]) == 1
        assert await one(one_, record) is None
        if isinstance(one_, Nearest):
            assert not await one_.nearest(reach, record.vector or b"", MEMORIES, 5)
