"""Callers who do not wait for each other: they ask at their own pace, however slowly they are answered, and give up.

    python -m tests.promises.crowd        reads one Asked a line, as JSON, and writes one Told a line

A process of its own, so that a crowd does not slow down those who count it. A reply counts from when its request was due.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
import uvloop

ROOT: Final = Path(__file__).parents[2]
_END: Final = b"\r\n\r\n"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` requests a second, at random moments; 0: each of `callers` asks again as soon as it was answered."""

    port: int
    request: bytes
    seconds: float
    rate: float = 0.0
    callers: int = 0
    patience: float = 1.0
    seed: int = 5


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`goodput`: replies a second that were 200 and in time. `rude`: refusals that do not say when to come back."""

    asked: int
    goodput: float
    p50_ms: float
    p99_ms: float  # of those
    statuses: dict[int, int]
    given_up: int
    broken: int
    rude: int
    refused_p99_ms: float


class _Caller(asyncio.Protocol):
    """One connection, kept for the next who asks."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[tuple[int, bool]] | None = None
        self._buffer = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(_END)
        lower = head.lower()
        length = lower.partition(b"content-length: ")[2].partition(b"\r")[0]
        if not end or len(body) < int(length):
            return
        self._buffer = b""
        self.closed |= b"connection: close" in lower
        polite = b"\r\nretry-after: " in lower and b"application/problem+json" in lower
        if self.reply is not None and not self.reply.done():
            self.reply.set_result((int(head[9:12]), polite))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(ConnectionError("cut off"))


class Crowd:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._idle: deque[_Caller] = deque()
        self._good: list[float] = []
        self._refused: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._given_up = self._broken = self._rude = self._count = 0

    async def come(self) -> Told:
        asked, started = self._asked, time.perf_counter()
        if asked.rate:
            await self._at_their_own_pace(started)
        else:
            await asyncio.gather(*(self._again(started + asked.seconds) for _ in range(asked.callers)))
        for each in self._idle:
            each.transport.close()
        good, refused = sorted(self._good), sorted(self._refused)
        return Told(
            asked=self._count,
            goodput=len(good) / asked.seconds,
            p50_ms=_at(good, 0.5),
            p99_ms=_at(good, 0.99),
            statuses=dict(self._statuses),
            given_up=self._given_up,
            broken=self._broken,
            rude=self._rude,
            refused_p99_ms=_at(refused, 0.99),
        )

    async def _at_their_own_pace(self, started: float) -> None:
        rng, due, under_way = random.Random(self._asked.seed), started, set[asyncio.Task[None]]()
        while (due := due + rng.expovariate(self._asked.rate)) < started + self._asked.seconds:
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            task = asyncio.create_task(self._ask(due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _again(self, until: float) -> None:
        while (now := time.perf_counter()) < until:
            await self._ask(now)

    async def _ask(self, due: float) -> None:
        self._count += 1
        caller: _Caller | None = None
        try:
            async with asyncio.timeout(self._asked.patience):
                caller = await self._caller()
                caller.reply = asyncio.get_running_loop().create_future()
                caller.transport.write(self._asked.request)
                status, polite = await caller.reply
        except TimeoutError:
            self._given_up += 1
            if caller is not None:
                caller.transport.abort()
            return
        except OSError:
            self._broken += 1
            return
        took = time.perf_counter() - due
        self._statuses[status] += 1
        if status in (200, 201):
            self._good.append(took)
        else:
            self._refused.append(took)
            self._rude += not polite
        if not caller.closed:
            self._idle.append(caller)

    async def _caller(self) -> _Caller:
        while self._idle:
            caller = self._idle.pop()
            if not caller.closed:
                return caller
        _, made = await asyncio.get_running_loop().create_connection(_Caller, "127.0.0.1", self._asked.port)
        return made


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


class Callers:
    """The process, for those who count."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    def start(self, asked: Asked) -> None:
        into = cast("IO[bytes]", self._popen.stdin)
        into.write(msgspec.json.encode(asked) + b"\n")
        into.flush()

    def end(self) -> Told:
        return msgspec.json.decode(cast("IO[bytes]", self._popen.stdout).readline(), type=Told)

    def ask(self, asked: Asked) -> Told:
        self.start(asked)
        return self.end()


@contextmanager
def callers() -> Generator[Callers]:
    command = [sys.executable, "-m", "tests.promises.crowd"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        try:
            yield Callers(popen)
        finally:
            popen.kill()


def main() -> None:
    for line in sys.stdin.buffer:
        told: Any = uvloop.run(Crowd(msgspec.json.decode(line, type=Asked)).come())
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
