"""Records in one PostgreSQL table, with pgvector where it is and without it where it is not.

What is acknowledged has been committed. Any number of processes may share the table; the first one makes it. The database
itself keeps tenants apart a second time (row-level security), where the role it is used by is not a superuser.
Knows nothing of routes, ranking strategies or sealing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Count, Hit, Kit, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.postgres import vectors
from gateway.providers.postgres.adopting import Adopting
from gateway.providers.postgres.faults import in_words
from gateway.providers.postgres.opening import Facts, Wanted, prepare
from gateway.providers.postgres.options import PostgresOptions
from gateway.providers.postgres.ranking import Ranking
from gateway.providers.postgres.reading import Reading
from gateway.providers.postgres.rows import row_of
from gateway.providers.postgres.sessions import Sessions, abandoned
from gateway.providers.postgres.writing import ID, Writing
from gateway.providers.terms import Terms

__all__ = ["Postgres"]

_INLINE: Final = 20_000  # characters of text split into terms on the loop
_FEW: Final = 200  # records made into rows there
_SLOW: Final = 600.0  # seconds that making an index or moving vectors may take at the first start
_CLOSING: Final = 5.0  # seconds that running statements have to end

Result = TypeVar("Result")


class _Open(msgspec.Struct, frozen=True):
    sessions: Sessions
    reading: Reading
    ranking: Ranking
    writing: Writing


class Postgres:
    type_name: ClassVar[str] = "postgres"
    Options: ClassVar[type[Any]] = PostgresOptions
    requires: ClassVar[dict[str, str]] = {"asyncpg": "postgres"}
    schemes: ClassVar[dict[str, str]] = {"postgres": "url", "postgresql": "url"}

    def __init__(self, options: PostgresOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._terms = Terms()
        self._open: _Open | None = None

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        return Capabilities(
            kinds=frozenset(Kind), nearest=options.wanted() is not False, matching=True, sweeps=True, revised=True,
            counted=True, pinged=True, remote=True, durable=True, shared=True, replaces=True,
        )  # fmt: skip

    async def open(self, stack: AsyncExitStack) -> None:
        """Make or migrate the table, adopt what is to be adopted, and keep a pool. Unavailable where that cannot be."""
        try:
            facts = await self._prepared()
            pool = await self._pool(facts)
        except Exception as error:
            wrong = self._in_words(error)
            if wrong is error:
                raise
            raise wrong from error
        stack.push_async_callback(self._close, pool)
        options, name = self._options, self._kit.name
        sessions = Sessions(pool, name, options.timeout.seconds, fenced=facts.fenced)
        reading = Reading(facts)
        writing = Writing(facts.names, facts.vectors)
        if options.adopt is not None:
            await Adopting(options.adopt, facts.names, writing, name).adopt(sessions, self._kit.clock())
        self._open = _Open(sessions, reading, Ranking(facts, reading), writing)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """All of the batch or nothing."""
        if not records:
            return []
        rows, rounds = await self._rows(records), _rounds(records)

        async def store(connection: Any) -> list[bool]:
            return await self._store(connection, rows, rounds, over=False)

        return await self._opened().sessions.write(store, whole=len(rounds) == 1)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """All of the batch and what stands beside it, or nothing."""
        if not records:
            return []
        rows, others = await self._rows(records), await self._rows(beside)

        async def store(connection: Any) -> list[bool]:
            stored = await self._store(connection, rows, _rounds(records), over=True)
            if all(stored):
                await self._store(connection, others, _rounds(beside), over=False)
            return stored

        return await self._opened().sessions.write(store)

    async def _rows(self, records: Sequence[Record]) -> list[list[Any]]:
        if len(records) <= _FEW and sum(len(record.text) for record in records) <= _INLINE:
            return _rows(records, self._terms)
        return await asyncio.to_thread(_rows, records, Terms())  # a stemmer is not shared between threads

    async def _store(
        self, connection: Any, rows: Sequence[list[Any]], rounds: Sequence[tuple[str, list[int]]], *, over: bool
    ) -> list[bool]:
        opened, now = self._opened(), self._kit.clock()
        stored = [False] * len(rows)
        for tenant, places in rounds:
            if over:
                await opened.sessions.see(connection, tenant)
            ids = await opened.writing.put(connection, tenant, [rows[place] for place in places], now, over=over)
            for place in places:
                stored[place] = rows[place][ID] in ids
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        if not ids:
            return []
        now = self._kit.clock()
        return await self._read(reach, lambda connection, open_: open_.reading.get(connection, reach, ids, now))

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        wanted = {id_ for id_ in ids if "\0" not in id_}
        if not wanted:
            return 0
        opened, now = self._opened(), self._kit.clock()

        async def remove(connection: Any) -> int:
            await opened.sessions.see(connection, reach.tenant)
            return await opened.writing.delete(connection, reach, wanted, now)

        return await opened.sessions.write(remove)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        now = self._kit.clock()
        return await self._read(reach, lambda connection, open_: open_.reading.scan(connection, reach, scan, now))

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        now = self._kit.clock()
        return await self._read(
            reach, lambda connection, open_: open_.ranking.nearest(connection, reach, vector, where, limit, now)
        )

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        now, terms = self._kit.clock(), self._terms.wanted(words)
        return await self._read(
            reach, lambda connection, open_: open_.ranking.matching(connection, reach, terms, where, limit, now)
        )

    async def sweep(self, limit: int) -> int:
        opened, now = self._opened(), self._kit.clock()

        async def remove(connection: Any) -> int:
            await opened.sessions.see(connection, None)
            return await opened.writing.sweep(connection, limit, now)

        return await opened.sessions.write(remove)

    async def revision(self, reach: Reach) -> bytes:
        return await self._read(reach, lambda connection, open_: open_.reading.revision(connection, reach))

    async def count(self) -> dict[Kind, Count]:
        opened, now = self._opened(), self._kit.clock()
        return await opened.sessions.read(lambda connection: opened.reading.count(connection, now), None)

    async def ping(self) -> None:
        await self._opened().sessions.ping()

    async def _read(self, reach: Reach, work: Callable[[Any, _Open], Awaitable[Result]]) -> Result:
        opened = self._opened()
        return await opened.sessions.read(lambda connection: work(connection, opened), reach.tenant)

    def _opened(self) -> _Open:
        if self._open is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._open

    async def _prepared(self) -> Facts:
        driver: Any = import_module("asyncpg")
        options = self._options
        wanted = Wanted(
            name=self._kit.name, table=options.table, vectors=options.wanted(), hnsw=options.hnsw,
            fenced=options.row_level_security, dimension=self._kit.dimension,
        )  # fmt: skip
        connection = await driver.connect(
            options.url.reveal(), timeout=options.connect_timeout.seconds, command_timeout=_SLOW
        )
        try:
            return await prepare(connection, wanted)
        finally:
            await connection.close(timeout=_CLOSING)

    async def _pool(self, facts: Facts) -> Any:
        driver: Any = import_module("asyncpg")

        async def made(connection: Any) -> None:
            if facts.column is not None:
                await connection.set_type_codec(
                    "vector", schema=facts.column, encoder=vectors.encoded, decoder=vectors.decoded, format="binary"
                )
            if facts.dimension is not None:
                await connection.execute("SET hnsw.iterative_scan = strict_order")

        options = self._options
        return await driver.create_pool(
            options.url.reveal(), min_size=options.min_pool_size, max_size=options.pool_size, init=made, reset=abandoned,
            timeout=options.connect_timeout.seconds, command_timeout=options.timeout.seconds,
            statement_cache_size=100 if options.prepared else 0,
        )  # fmt: skip

    async def _close(self, pool: Any) -> None:
        self._open = None
        try:
            await asyncio.wait_for(pool.close(), _CLOSING)
        except TimeoutError:
            pool.terminate()

    def _in_words(self, error: Exception) -> Exception:
        if isinstance(error, ValueError):  # the driver's words about a URL repeat it
            return Unavailable(f"{self._kit.name}: `url` cannot be used", code="postgres_url")
        return in_words(error, self._kit.name)


def _rows(records: Sequence[Record], terms: Terms) -> list[list[Any]]:
    return [row_of(record, terms) for record in records]


def _rounds(records: Sequence[Record]) -> list[tuple[str, list[int]]]:
    """Places of the batch that one statement can store: of one tenant, each id once; a later one of an id comes later."""
    rounds: dict[tuple[int, str], list[int]] = {}
    seen: dict[tuple[str, str], int] = {}
    for place, record in enumerate(records):
        key = (record.scope.tenant, record.id)
        turn = seen[key] = seen.get(key, -1) + 1
        rounds.setdefault((turn, record.scope.tenant), []).append(place)
    return [(tenant, places) for (_, tenant), places in sorted(rounds.items())]
