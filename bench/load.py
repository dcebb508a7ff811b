"""A load generator of our own: keep-alive connections that send prepared bytes and wait for each whole reply.

    python -m bench.load        reads one Job a line, as JSON, and writes one Measured a line

A process of its own, so that the time it needs is not the server's. Knows nothing of what the bytes mean: it reads a
status, a content-length and that many bytes.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "
_TICKS: Final = 100  # of /proc/<pid>/stat, a second


class Job(msgspec.Struct, frozen=True):
    """`requests` is a file of prepared requests, sent round robin. `pid` is whose processor time is read."""

    port: int
    pid: int
    requests: str
    connections: int
    seconds: float


class Measured(msgspec.Struct, frozen=True):
    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the served process, for one request
    refused: int = 0  # replies that were not 2xx


def measured(latencies: list[float], seconds: float, cpu_seconds: float, refused: int = 0) -> Measured:
    latencies.sort()
    count = len(latencies)
    if not count:
        raise RuntimeError("not one reply came back")
    return Measured(
        rps=count / seconds,
        p50_ms=latencies[count // 2] * 1000,
        p99_ms=latencies[min(count - 1, count * 99 // 100)] * 1000,
        cpu_us=cpu_seconds / count * 1e6,
        refused=refused,
    )


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the reply before it is whole, until `until`; the first when it is told to."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], done: asyncio.Future[int]) -> None:
        self._requests, self._latencies, self._done = requests, latencies, done
        self.until = 0.0
        self._buffer = b""
        self._refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        head = data.find(_END)
        if head < 0:
            return
        start = data.find(_LENGTH, 0, head) + len(_LENGTH)
        if len(data) < head + len(_END) + int(data[start : data.find(b"\r", start)]):
            return
        now = time.perf_counter()
        self._buffer = b""
        self._latencies.append(now - self._sent)
        self._refused += data[9:10] != b"2"
        if now < self.until:
            self.send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(self._refused)


async def run(job: Job, prepared: list[bytes]) -> Measured:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    dones: list[asyncio.Future[int]] = [loop.create_future() for _ in range(job.connections)]
    made: list[_Connection] = []
    for number, done in enumerate(dones):
        requests = islice(cycle(prepared), number * len(prepared) // job.connections, None)
        made.append(_Connection(requests, latencies, done))
        await loop.create_connection(lambda: made[-1], "127.0.0.1", job.port)
    before, started = processor_seconds(job.pid), time.perf_counter()
    for each in made:  # all at once: who connects to a busy server waits for other reasons
        each.until = started + job.seconds
        each.send()
    refused = sum(await asyncio.wait_for(asyncio.gather(*dones), job.seconds + 10))
    seconds = time.perf_counter() - started
    return measured(latencies, seconds, processor_seconds(job.pid) - before, refused)


def processor_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def main() -> None:
    gc.disable()
    files: dict[str, list[bytes]] = {}
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        if job.requests not in files:
            files[job.requests] = msgspec.msgpack.decode(Path(job.requests).read_bytes(), type=list[bytes])
        sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(job, files[job.requests]))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
