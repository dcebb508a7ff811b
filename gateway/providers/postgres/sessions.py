"""Connections, and transactions that say whose rows they are about: `SET LOCAL`, so it ends with the transaction.

Nothing here retries, but a write that the server rolled back because two got in each other's way. Knows no records.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from gateway.providers.postgres.faults import in_words, was_undone
from gateway.providers.postgres.layout import EVERY, TENANT

Result = TypeVar("Result")

_ATTEMPTS: Final = 5
_PAUSE: Final = 0.01


class Sessions:
    """`fenced`: the tables show a transaction only what its settings allow."""

    def __init__(self, pool: Any, name: str, wait: float, *, fenced: bool) -> None:
        self._pool = pool
        self._name = name
        self._wait = wait
        self._fenced = fenced

    async def read(self, work: Callable[[Any], Awaitable[Result]], tenant: str | None) -> Result:
        """What `work` makes of a connection that sees the tenant's rows; None stands for all of them."""
        async with self._connection() as connection:
            if not self._fenced:
                return await work(connection)
            async with _transaction(connection, f"BEGIN READ ONLY; {_seen(tenant)}"):
                return await work(connection)

    async def write(self, work: Callable[[Any], Awaitable[Result]], *, whole: bool = False) -> Result:
        """One transaction around `work`, or none where `work` is a single statement (`whole`). It may be called again.

        A transaction that its process leaves waiting is ended by the server, so that its locks go.
        """
        begin = f"BEGIN; SELECT set_config('idle_in_transaction_session_timeout', '{self._wait * 1000:.0f}', true)"
        for attempt in range(_ATTEMPTS):
            try:
                async with self._connection() as connection:
                    if whole:
                        return await work(connection)
                    async with _transaction(connection, begin):
                        return await work(connection)
            except Exception as error:
                cause = error.__cause__ or error
                if not was_undone(cause) or attempt == _ATTEMPTS - 1:
                    raise
            await asyncio.sleep(_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def see(self, connection: Any, tenant: str | None) -> None:
        """From here on this transaction is about the tenant."""
        if self._fenced:
            await connection.execute(_seen(tenant))

    async def ping(self) -> None:
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Any]:
        try:
            async with self._pool.acquire(timeout=self._wait) as connection:
                yield connection
        except Exception as error:
            wrong = in_words(error, self._name)
            if wrong is error:
                raise
            raise wrong from error


async def abandoned(connection: Any) -> None:
    """What the pool does with a connection that comes back: nothing, but to end a transaction that was left open."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


@asynccontextmanager
async def _transaction(connection: Any, begin: str) -> AsyncGenerator[None]:
    """Two round trips, not the three of the driver's own: the settings travel with BEGIN."""
    await connection.execute(begin)
    try:
        yield
    except Exception:
        with suppress(Exception):  # the connection is gone, and the transaction with it; the first error is the news
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


def _seen(tenant: str | None) -> str:
    """As one text without parameters, so that it can share a round trip; the tenant's name is in it as hexadecimal."""
    if tenant is None:
        return f"SELECT set_config('{EVERY}', 'all', true)"
    return f"SELECT set_config('{TENANT}', convert_from(decode('{tenant.encode().hex()}', 'hex'), 'UTF8'), true)"
