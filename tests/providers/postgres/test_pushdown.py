"""Filters reach PostgreSQL as SQL with bound values: what is told, what is not, and that no text becomes a statement."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.filters import All, Compare, Filter, Not, Op, Some, matches
from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.postgres.pushdown import pushed
from gateway.testing.making import Maker, scanned
from tests.providers.postgres.conftest import Opened

TOLD: tuple[Filter, ...] = (
    Compare("eq", "food", path=("category",)),
    Compare("ne", 1, path=("a", "b")),
    Compare("eq", {"a": [1, None]}, path=('quo"te', "")),
    Compare("in", ["a", True, None, 1.5], path=("a",)),
    Compare("gt", "2026", path=("day",)),
    Compare("lte", 0.1, path=("n",)),
    Compare("contains", "x", path=("tags",)),
    Compare("exists", False, path=("a",)),
    Compare("contains", "tea", field="text"),
    Compare("eq", "a", field="agent"),
    Compare("gte", datetime(2026, 1, 1, tzinfo=UTC), field="created_at"),
    Not(Some((Compare("eq", 1, path=("a",)), Compare("lt", 2, path=("b",))))),
    All((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text"))),
)
UNTOLD: tuple[Filter, ...] = (
    Compare("icontains", "x", field="text"),
    Compare("eq", 2**60, path=("n",)),
    Compare("eq", -0.0, path=("n",)),
    Compare("eq", "nul\0", path=("a",)),
    Compare("eq", "a", path=("nul\0",)),
    Compare("in", [str(n) for n in range(2000)], path=("a",)),
    Some((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text"))),
    Not(All((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text")))),
)
HOSTILE = (
    "'; DROP TABLE {table}; --", '"; DROP TABLE {table}; --', "') OR true --", "$1", "?", "%s", "{{a,b}}", "a' OR '1'='1",
    "\\'; DELETE FROM {table}; --", "$$; DROP TABLE {table}; $$", "*/ DROP TABLE {table} /*", "::jsonb", "\\u0027",
)  # fmt: skip
OPS: tuple[Op, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "contains", "icontains")


@pytest.mark.parametrize("test", TOLD, ids=str)
@pytest.mark.parametrize("scope", [None, Scope("t", "s", "u")], ids=["wide", "exact"])
def test_is_told(test: Filter, scope: Scope | None) -> None:
    clause = pushed(test, scope)
    assert clause is not None
    assert clause.sql.count("?") == len(clause.values)


@pytest.mark.parametrize("test", UNTOLD, ids=lambda test: str(test)[:60])
def test_is_left_to_the_reference(test: Filter) -> None:
    assert pushed(test, None) is None


@pytest.mark.parametrize("op", ["eq", "ne", "in", "gt", "lt", "contains"])
async def test_operators_on_metadata_run_in_the_database(
    op: Op, opened: Opened, make: Maker, sql: Any, table: str
) -> None:
    """What the statement alone lets through, with nothing tested afterwards, is what the reference does."""
    records = [make.record(metadata={"v": value}) for value in (1, 2, 2.5, "a", "b", True, None, ["a", 2], {"x": 1})]
    records.append(make.record())
    value: Any = [2, "a"] if op == "in" else 2
    test = Compare(op, value, path=("v",))
    async with opened() as provider:
        await provider.put(records)
    clause = pushed(test, None)
    assert clause is not None
    statement = clause.sql
    for number in range(len(clause.values)):
        statement = statement.replace("?", f"${number + 1}", 1)
    found = {row[0] for row in await sql.fetch(f"SELECT id FROM {table} r WHERE {statement}", *clause.values)}
    assert found == {each.id for each in records if matches(test, each)}


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_no_value_key_or_word_becomes_a_statement(
    number: int, opened: Opened, make: Maker, sql: Any, table: str
) -> None:
    text = HOSTILE[number].format(table=table)
    record = make.record(text, make.scope(text), metadata={text: text, "list": [text]}, role=text, id=text)
    reach = Reach.only(record.scope)
    async with opened() as provider:
        await provider.put([record, make.record("other", record.scope)])
        tests: list[Filter] = [Compare(op, text, path=(text,)) for op in OPS]
        tests += [Compare("in", [text], path=(text,)), Compare("contains", text, path=("list",))]
        tests += [Compare("eq", text, field=field) for field in ("id", "text", "role", "user")]
        tests += [Compare("exists", True, path=(text, text)), Compare("eq", {text: text}, path=("list",))]
        stored = await scanned(provider, reach)
        for test in tests:
            found = await scanned(provider, reach, Where(frozenset({Kind.MEMORY}), test))
            assert found == [each for each in stored if matches(test, each)], test
        await provider.matching(reach, [text], Where(frozenset({Kind.MEMORY})), 5)
        assert await provider.delete(reach, [text]) == 1
    assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 1
