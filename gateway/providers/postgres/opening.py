"""Bringing the database to this version's layout, and finding out what it has.

Safe when several processes do it at once: one works under an advisory lock, the others wait and find it done. Where there
is nothing to do, nothing is written. Knows nothing of pools.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names

from typing import Any, Final

import msgspec

from gateway.domain.errors import Unavailable
from gateway.providers.postgres.faults import state
from gateway.providers.postgres.layout import EVERY, STEPS, VERSION, embedding, fences, hnsw, messages
from gateway.providers.postgres.names import Names, lock_key, quoted
from gateway.providers.postgres.vectors import wire_of

_OLDEST: Final = 130_000
_AT_ONCE: Final = 500
_MOST_INDEXED: Final = 2_000


class Facts(msgspec.Struct, frozen=True):
    """What this database has. `column` is the schema of pgvector's type where the table has a column of it."""

    names: Names
    epoch: bytes
    fenced: bool
    column: str | None
    vectors: str | None  # the same where vectors are written to it and searched in it
    dimension: int | None  # of the HNSW index, where there is one


class Wanted(msgspec.Struct, frozen=True):
    name: str
    table: str
    vectors: Any  # True, False or "auto"
    hnsw: bool
    fenced: bool
    dimension: int | None


async def prepare(connection: Any, wanted: Wanted) -> Facts:
    """The layout as it must be, whatever was there. Unavailable where it cannot be made or is newer than this code."""
    if wanted.hnsw and (wanted.dimension or 0) > _MOST_INDEXED:
        raise Unavailable(
            f"{wanted.name}: `hnsw` takes vectors of {_MOST_INDEXED} numbers at most", code="postgres_hnsw"
        )
    server = connection.get_server_version()
    number = server.major * 10_000 + server.minor
    if number < _OLDEST:
        raise Unavailable(f"{wanted.name}: PostgreSQL {server.major} is too old; 13 is the oldest", code="postgres_old")
    names = await _named(connection, wanted)
    if await _layout(connection, names) != VERSION:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", names.lock())
            await _migrate(connection, names, wanted, number)
    schema = await _pgvector(connection, wanted)
    await _adjust(connection, names, wanted, schema)
    epoch = await connection.fetchval(f"SELECT epoch FROM {names.meta}")
    return Facts(
        names=names,
        epoch=epoch.encode(),
        fenced=await _is_fenced(connection, names),
        column=await _extension(connection) if await _column(connection, names) else None,
        vectors=schema,
        dimension=wanted.dimension if wanted.hnsw and schema is not None else None,
    )


async def _named(connection: Any, wanted: Wanted) -> Names:
    schema, _, table = wanted.table.rpartition(".")
    schema = schema or await connection.fetchval("SELECT current_schema()")
    if not schema:
        raise Unavailable(f"{wanted.name}: the schema of `table` does not exist", code="postgres_no_schema")
    return Names(schema, table)


async def _layout(connection: Any, names: Names) -> int:
    if not await _exists(connection, names, "_meta"):
        return 0
    return int(await connection.fetchval(f"SELECT layout FROM {names.meta}"))


async def _migrate(connection: Any, names: Names, wanted: Wanted, server: int) -> None:
    layout = await _layout(connection, names)  # another process may have been quicker
    if layout > VERSION:
        raise Unavailable(
            f"{wanted.name}: the table was made by a newer Memory Gateway (layout {layout}, this one knows {VERSION})",
            code="postgres_newer_table",
        )
    if not layout and await _exists(connection, names, ""):
        raise Unavailable(
            f"{wanted.name}: `table` names another program's table; name a new one, and that one in `adopt`",
            code="postgres_foreign_table",
        )
    if layout == VERSION:
        return
    for step in STEPS[layout:]:
        for statement in step(names):
            await connection.execute(statement)
    await connection.execute(messages(names, server))
    await connection.execute(f"UPDATE {names.meta} SET layout = {VERSION:d}")


async def _pgvector(connection: Any, wanted: Wanted) -> str | None:
    """The schema of pgvector, which is made where it can be and is wanted."""
    if wanted.vectors is False:
        return None
    schema = await _extension(connection)
    if schema is None:
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key("extension"))
                await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except Exception as error:
            if state(error) not in ("42501", "58P01", "0A000", "22023"):  # no right, or not on this server
                raise
        schema = await _extension(connection)
    if schema is None and wanted.vectors is True:
        raise Unavailable(
            f"{wanted.name}: `vectors: true` needs the extension pgvector, which this database lacks and this user "
            "cannot make; run CREATE EXTENSION vector as its owner, or say `vectors: auto`",
            code="postgres_no_pgvector",
        )
    return schema


async def _extension(connection: Any) -> str | None:
    return await connection.fetchval(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    )


async def _adjust(connection: Any, names: Names, wanted: Wanted, schema: str | None) -> None:
    """What the options want beyond the layout: the fence, the column of vectors, its index."""
    index = await _exists(connection, names, f"_hnsw_{wanted.dimension}")
    unembedded = await connection.fetchval(f"SELECT unembedded FROM {names.meta}")
    fence = wanted.fenced and not await _is_fenced(connection, names)
    embed = schema is not None and (unembedded or not await _column(connection, names))
    plain = schema is None and not unembedded
    build = wanted.hnsw and schema is not None and wanted.dimension is not None and not index
    if not (fence or embed or plain or build):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", names.lock())
        if fence and not await _is_fenced(connection, names):
            for statement in fences(names):
                await connection.execute(statement)
        if embed and schema is not None:
            await connection.execute(embedding(names, schema))
            await _embed(connection, names, schema)
        if embed or plain:
            await connection.execute(f"UPDATE {names.meta} SET unembedded = $1", plain)
        if build and schema is not None and wanted.dimension is not None:
            await connection.execute(hnsw(names, schema, wanted.dimension))


async def _embed(connection: Any, names: Names, schema: str) -> None:
    """Move vectors that were kept as bytes into the column, some at a time."""
    await connection.execute(f"SELECT set_config('{EVERY}', 'all', true)")
    tenant, id_ = "", ""
    while rows := await connection.fetch(
        f"SELECT tenant, id, vector FROM {names.records} WHERE vector IS NOT NULL AND (tenant, id) > ($1, $2) "
        f"ORDER BY tenant, id LIMIT {_AT_ONCE:d}",
        tenant, id_,
    ):  # fmt: skip
        fit = [(row["tenant"], row["id"], wire_of(row["vector"])) for row in rows]
        await connection.executemany(
            f"UPDATE {names.records} SET embedding = $3::text::{quoted(schema)}.vector, vector = NULL "
            "WHERE tenant = $1 AND id = $2",
            [(tenant, id_, text) for tenant, id_, text in fit if text is not None],
        )
        tenant, id_ = rows[-1]["tenant"], rows[-1]["id"]


async def _exists(connection: Any, names: Names, tail: str) -> bool:
    """Asked of the catalog itself: `to_regclass` may remember from before another process's commit that there was none."""
    found = "SELECT FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relname = $2"
    return bool(await connection.fetchval(f"SELECT EXISTS ({found})", quoted(names.schema), names.table + tail))


async def _column(connection: Any, names: Names) -> bool:
    found = "SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'embedding' AND NOT attisdropped"
    return bool(await connection.fetchval(f"SELECT EXISTS ({found})", names.records))


async def _is_fenced(connection: Any, names: Names) -> bool:
    """Whether both tables show rows only to transactions that say whose."""
    found = "SELECT bool_and(relrowsecurity) FROM pg_class WHERE oid IN (to_regclass($1), to_regclass($2))"
    return bool(await connection.fetchval(found, names.records, names.scopes))
