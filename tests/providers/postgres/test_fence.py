"""The second fence: the database itself shows a transaction only its tenant's rows. With the fence down, it does not."""

from typing import Any

import pytest

from gateway.domain.record import Kind
from gateway.domain.scope import Scope
from gateway.testing.making import Maker, everything, scanned
from tests.providers.postgres.conftest import Opened, driver

TABLES = ("", "_scopes", "_messages")


async def seen(connection: Any, table: str, setting: str | None = None) -> list[int]:
    """How many rows this connection sees of each table, as if a statement had forgotten to name the tenant."""
    async with connection.transaction():
        if setting is not None:
            await connection.execute("SELECT set_config('memory_gateway.tenant', $1, true)", setting)
        return [await connection.fetchval(f"SELECT count(*) FROM {table}{tail}") for tail in TABLES]


async def fill(opened: Opened, make: Maker, url: str, **options: Any) -> None:
    others = Scope(make.tenant + "0", "default", "ann")
    async with opened(url=url, **options) as provider:
        await provider.put([make.record(kind=Kind.MESSAGE), make.record(), make.record(scope=others)])
        assert len(await scanned(provider, everything(make.tenant))) == 1
        assert len(await scanned(provider, everything(others.tenant))) == 1


async def test_without_the_setting_the_owner_of_the_table_sees_nothing(
    opened: Opened, role: str, table: str, make: Maker, sql: Any
) -> None:
    await fill(opened, make, role)
    connection = await driver.connect(role)
    try:
        assert await seen(connection, table) == [0, 0, 0]
        assert await seen(connection, table, make.tenant) == [2, 1, 1]
        assert await seen(connection, table, make.tenant + "0") == [1, 1, 0]
        assert await seen(connection, table, "") == [0, 0, 0]
        assert await seen(connection, table) == [0, 0, 0]  # the setting went with its transaction
        # The fence itself: the same question, with it taken down.
        for tail in TABLES[:2]:
            await sql.execute(f"ALTER TABLE {table}{tail} DISABLE ROW LEVEL SECURITY")
        assert await seen(connection, table) == [3, 2, 1]
    finally:
        await connection.close()


async def test_no_row_of_another_tenant_can_be_written(opened: Opened, role: str, table: str, make: Maker) -> None:
    await fill(opened, make, role)
    connection = await driver.connect(role)
    try:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("SELECT set_config('memory_gateway.tenant', $1, true)", make.tenant)
            assert await connection.execute(f"UPDATE {table} SET content = 'taken'") == "UPDATE 2"
            with pytest.raises(driver.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(f"UPDATE {table} SET tenant = 'theirs'")
        finally:
            await transaction.rollback()
    finally:
        await connection.close()


async def test_without_the_option_there_is_no_fence(opened: Opened, role: str, table: str, make: Maker) -> None:
    await fill(opened, make, role, row_level_security=False)
    connection = await driver.connect(role)
    try:
        assert await seen(connection, table) == [3, 2, 1]
    finally:
        await connection.close()


async def test_a_fence_can_be_put_up_later_and_is_respected_by_who_did_not_ask_for_it(
    opened: Opened, role: str, make: Maker
) -> None:
    await fill(opened, make, role, row_level_security=False)
    for option in (True, False):
        async with opened(url=role, row_level_security=option) as provider:
            assert len(await scanned(provider, everything(make.tenant))) == 1


async def test_sweeping_and_counting_pass_the_fence(opened: Opened, role: str, make: Maker, clock: Any) -> None:
    others = Scope(make.tenant + "0", "default", "ann")
    async with opened(url=role) as provider:
        await provider.put([make.record(ttl=5), make.record(scope=others, ttl=5), make.record(scope=others)])
        clock.forward(seconds=6)
        assert sum(each.records for each in (await provider.count()).values()) == 1
        assert await provider.sweep(10) == 2
        assert sum(each.records for each in (await provider.count()).values()) == 1


async def test_after_the_first_start_rights_to_read_and_write_rows_are_enough(
    opened: Opened, role: str, url: str, table: str, make: Maker, sql: Any
) -> None:
    async with opened(url=role):
        pass
    await sql.execute(f"CREATE ROLE {table}_rows LOGIN NOSUPERUSER PASSWORD 'rows'")
    tables = ", ".join(f"{table}{tail}" for tail in ("", "_scopes", "_census", "_meta", "_adopted"))
    await sql.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {table}_rows")
    await sql.execute(f"GRANT USAGE ON SEQUENCE {table}_revisions TO {table}_rows")
    async with opened(url=f"postgresql://{table}_rows:rows@{url.partition('@')[2]}") as provider:
        record = make.record()
        await provider.put([record])
        assert await scanned(provider, everything(make.tenant)) == [record]
        assert await provider.delete(everything(make.tenant), [record.id]) == 1
