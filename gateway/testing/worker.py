"""A process of its own that uses a subject: run as `python -m gateway.testing.worker JOB`. Says on stdout what was acknowledged.

JOB is JSON, the fields of Job.
"""

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.domain.record import Record
from gateway.domain.scope import Scope
from gateway.testing.making import Maker, Time, unit
from gateway.testing.subjects import DIMENSION, Place, Subject


class Job(msgspec.Struct, frozen=True, kw_only=True):
    plugin: str
    options: dict[str, Any]
    home: str
    token: str
    server: dict[str, str]
    tenant: str
    seed: str
    batches: int


def expected(make: Maker, tenant: str, number: int) -> list[Record]:
    """Batch `number` of a worker: some records whose contents can be told from their ids' text."""
    random_ = random.Random(f"{tenant}{number}")
    scope = Scope(tenant, "default", f"u{number % 5}")
    size = random_.randint(1, 5)
    return [
        make.record(
            f"{number}:{n}:{size}:" + "word " * random_.randint(0, 300),
            scope,
            metadata={"number": number, "n": n, "size": size},
            vector=unit([number + 1, n + 1, *([1] * (DIMENSION - 2))]),
        )
        for n in range(size)
    ]


async def work(job: Job) -> None:
    subject = Subject(name="worker", plugin=job.plugin, against="real", options=lambda _: job.options)
    place = Place(Path(job.home), job.token, job.server)
    clock = Time()
    make = Maker(clock, job.seed)
    async with subject.opened(place, clock) as provider:

        async def one(number: int) -> None:
            records = expected(make, job.tenant, number)
            assert all(await provider.put(records))
            line = msgspec.json.encode({"ids": [each.id for each in records], "texts": [each.text for each in records]})
            sys.stdout.write(line.decode() + "\n")
            sys.stdout.flush()

        for start in range(0, job.batches, 8):
            await asyncio.gather(*(one(start + n) for n in range(8)))


if __name__ == "__main__":
    asyncio.run(work(msgspec.json.decode(sys.argv[1], type=Job)))
