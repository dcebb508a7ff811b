"""What the server is asked to test of a filter: as much as it can say, never what it would say otherwise."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.filters import All, Compare, Filter, Not, Some
from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.mongodb.pushdown import pushed
from gateway.testing.making import Maker, scanned
from tests.providers.mongodb.conftest import Opened

AT = datetime(2026, 1, 1, tzinfo=UTC)
UNTOLD: tuple[Filter, ...] = (
    Compare("ne", 1, path=("a",)), Compare("nin", [1], path=("a",)), Not(Compare("eq", 1, path=("a",))),
    Compare("eq", {"x": 1, "y": 2}, path=("a",)), Compare("eq", [1], path=("a",)), Compare("exists", False, path=("a", "b")),
    Compare("icontains", "x", path=("a",)), Compare("icontains", "x", field="text"), Compare("gt", True, path=("a",)),
    Compare("eq", "\ud800", path=("a",)), Compare("eq", 1, path=("a\0",)), Compare("eq", 2**60, path=("a",)),
    Compare("contains", "x" * 3_000, field="text"), Some((Compare("eq", "a", field="role"), Compare("icontains", "x", path=("a",)))),
)  # fmt: skip
TOLD: tuple[tuple[Filter, dict[str, Any], bool], ...] = (
    (Compare("eq", "x", path=("category",)), {"metadata.category": {"$eq": "x"}}, False),
    (Compare("gte", 3, path=("a", "b.c")), {"metadata.a.b%2Ec": {"$gte": 3}}, False),
    (Compare("contains", "a.*", path=("$t",)), {"metadata.%24t": {"$regex": r"a\.\*"}}, False),
    (Compare("exists", False, path=("a",)), {"metadata.a": {"$exists": False}}, True),
    (Compare("eq", "user", field="role"), {"role": {"$eq": "user"}}, True),
    (Compare("gt", AT, field="created_at"), {"$and": [{"created": {"$lt": 2**63 - 1}}, {"created": {"$gt": 1767225600000000}}]}, True),
    (Compare("ne", "user", field="role"), {"$nor": [{"role": {"$eq": "user"}}]}, True),
    (Compare("eq", None, field="text"), {"_id": {"$in": []}}, True),
    (All(()), {}, True), (Some(()), {"_id": {"$in": []}}, True), (Not(All(())), {"_id": {"$in": []}}, True),
)  # fmt: skip


@pytest.mark.parametrize("test", UNTOLD, ids=lambda test: str(test)[:60])
def test_what_mongodb_means_otherwise_is_not_asked_of_it(test: Filter) -> None:
    clause = pushed(test)
    assert (clause.query, clause.exact) == ({}, False)


@pytest.mark.parametrize(("test", "query", "exact"), TOLD, ids=lambda each: str(each)[:50])
def test_what_mongodb_can_say_is_asked_of_it(test: Filter, query: dict[str, Any], exact: bool) -> None:
    clause = pushed(test)
    assert (clause.query, clause.exact) == (query, exact)


def test_what_is_told_of_some_conditions_is_kept_beside_those_that_are_not() -> None:
    clause = pushed(All((Compare("eq", "a", field="role"), Compare("icontains", "x", field="text"))))
    assert (clause.query, clause.exact) == ({"$and": [{"role": {"$eq": "a"}}]}, False)


async def test_what_is_only_near_is_tested_again(opened: Opened, make: Maker, raw: Any, name: str) -> None:
    """MongoDB looks into lists; the filter grammar does not. Both of these the server finds, one of them passes."""
    plain, inside = make.record(metadata={"a": {"b": 1}}), make.record(metadata={"a": [{"b": 1}]})
    test = Compare("eq", 1, path=("a", "b"))
    async with opened() as provider:
        await provider.put([plain, inside])
        assert await raw[name].count_documents(pushed(test).query) == 2
        assert await scanned(provider, Reach.only(make.scope()), Where(frozenset({Kind.MEMORY}), test)) == [plain]
