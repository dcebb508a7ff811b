"""One PostgreSQL for all of this folder's tests, a table for each, and a second connection that looks at what is there."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg  # pyright: ignore[reportMissingTypeStubs] -- it has none
import msgspec
import pytest

from gateway.domain.ports import Kit
from gateway.providers.postgres import Postgres
from gateway.testing.making import Maker, Time
from gateway.testing.subjects import DIMENSION
from tests.servers import Absent, postgres

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Postgres]]

driver: Any = asyncpg


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    try:
        with postgres.postgres(tmp_path_factory.mktemp("postgres")) as server:
            yield f"postgresql://{server['authority']}"
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
def table(tmp_path: Path) -> str:
    return "p" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


@pytest.fixture
def opened(url: str, table: str, clock: Time) -> Opened:
    """Opens a provider: `opened(vectors=False)`; options as they stand in YAML."""

    @asynccontextmanager
    async def open_(dimension: int | None = DIMENSION, **options: Any) -> AsyncGenerator[Postgres]:
        given = {"url": url, "table": table, **options}
        converted = msgspec.convert(given, Postgres.Options, dec_hook=lambda kind, text: kind(text))
        async with AsyncExitStack() as stack:
            provider = Postgres(converted, Kit(name="main", clock=clock, home=Path(), dimension=dimension))
            await provider.open(stack)
            yield provider

    return open_


@pytest.fixture
async def sql(url: str) -> AsyncGenerator[Any]:
    """An ordinary connection, as an operator at a prompt would have one."""
    connection = await driver.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def role(url: str, table: str, sql: Any) -> str:
    """The URL of a role that is no superuser, passes no fence, and may make tables."""
    await sql.execute(f"CREATE ROLE {table}_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD 'app'")
    await sql.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {table}_app")
    await sql.execute("CREATE EXTENSION IF NOT EXISTS vector")
    host = url.partition("@")[2]
    return f"postgresql://{table}_app:app@{host}"
