"""Jobs with real stores, real DBOS and real providers around them, without a gateway: in this process."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.chain.through import Through, Verb
from gateway.domain.errors import Invalid, Unavailable
from gateway.domain.ids import Mint
from gateway.domain.outbox import Intent
from gateway.domain.ports import Kit, Provider
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.jobs.courier import Between, Undeclared
from gateway.jobs.job import Rules
from gateway.jobs.running import Work
from gateway.jobs.tables import Place
from gateway.providers.sqlite import Sqlite

SCOPE = Scope("acme", "default", "ada")
REACH = Reach.only(SCOPE)
QUICK = Rules(held=0.6, window=0.4, attempts=3)


def now() -> datetime:
    return datetime.now(UTC)


MINT = Mint(now, os.urandom)


def record(text: str = "tea", *, id_: str = "", version: int = 1, scope: Scope = SCOPE) -> Record:
    stamp = MINT.stamp()
    return Record(
        id=id_ or stamp.id,
        kind=Kind.MEMORY,
        scope=scope,
        text=text,
        created_at=stamp.at,
        updated_at=stamp.at,
        version=version,
    )


def owed(ids: Iterable[str], gone: datetime | None = None, *, source: str = "main", target: str = "copy") -> Intent:
    return Intent(source=source, target=target, reach=REACH, ids=tuple(ids), gone=gone)


class Moody:
    """A provider that can be away, or refuse one id. `puts` are the sizes of the batches it was given."""

    def __init__(self, inner: Provider) -> None:
        self.provider: Provider = Through(self._around, self)
        self.inner = inner
        self.away = False
        self.refused = ""
        self.puts: list[int] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        self._check()
        if self.before is not None:
            await self.before()
        if self.refused and any(each.id == self.refused for each in records):
            raise Invalid("not this one", code="poison")
        self.puts.append(len(records))
        return await self.inner.put(records)

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Any]]) -> Any:
        self._check()
        return await call(self.inner)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("it is away", code="away")


class Bench:
    def __init__(self, providers: Mapping[str, Provider], work: Work, copy: Moody) -> None:
        self.main = providers["main"]
        self.providers = providers
        self.work = work
        self.copy = copy

    async def copied(self, ids: Sequence[str]) -> list[str | None]:
        """The texts at the target, looked up past its moods."""
        found = await self.copy.inner.get(REACH, ids)
        return [each.text if each is not None else None for each in found]

    async def until(self, seen: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not await seen():
            assert loop.time() < until, await self.work.threaded(lambda: self.work.tending.listed(dead=False))
            await asyncio.sleep(0.05)

    async def idle(self) -> bool:
        return not await self.work.threaded(lambda: self.work.tending.listed(dead=False))


@asynccontextmanager
async def providers(home: Path) -> AsyncGenerator[dict[str, Provider]]:
    async with AsyncExitStack() as stack:
        opened: dict[str, Provider] = {}
        for name in ("main", "copy"):
            options = Sqlite.Options(path=f"{name}.db")
            made = Sqlite(options, Kit(name=name, clock=now, home=home))
            await made.open(stack)
            opened[name] = made
        yield opened


@asynccontextmanager
async def bench(home: Path, rules: Rules = QUICK, place: Place | None = None) -> AsyncGenerator[Bench]:
    loop = asyncio.get_running_loop()
    async with providers(home) as opened:
        copy = Moody(opened["copy"])
        lent: dict[str, Provider] = {**opened, "copy": copy.provider}

        @asynccontextmanager
        async def lend(source: str, target: str) -> AsyncGenerator[Between]:
            for key in (source, target):
                if key not in lent:
                    raise Undeclared(f"the provider {key!r} is no longer declared")
            yield Between(lent[source], lent[target])

        where = place or Place(home / "jobs.db")
        work = await asyncio.to_thread(lambda: Work(where, rules, now, lend, loop))
        work.start()
        try:
            yield Bench(lent, work, copy)
        finally:
            await work.stop(5)
