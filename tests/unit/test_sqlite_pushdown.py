"""Which filters SQLite tests by itself. That none loses a record is the conformance suite's to show."""

from datetime import UTC, datetime

import pytest

from gateway.domain.filters import All, Compare, Filter, Not, Some
from gateway.domain.scope import Scope
from gateway.providers.sqlite.pushdown import pushed

EXACT: tuple[Filter, ...] = (
    Compare("eq", "food", path=("category",)),
    Compare("ne", "food", path=("a", "b")),
    Compare("in", ["a", True, None], path=("a",)),
    Compare("nin", ["a", "b"], path=("a",)),
    Compare("gt", "2026", path=("day",)),
    Compare("contains", "x", path=("tags",)),
    Compare("exists", False, path=("a",)),
    Compare("contains", "tea", field="text"),
    Compare("eq", "user", field="role"),
    Compare("eq", "a", field="agent"),
    Compare("gte", datetime(2026, 1, 1, tzinfo=UTC), field="created_at"),
    Compare("exists", True, field="expires_at"),
    Not(Some((Compare("eq", "x", path=("a",)), Compare("eq", "y", path=("b",))))),
)
COARSE: tuple[Filter, ...] = (
    Compare("eq", 1, path=("n",)),
    Compare("gt", 0.5, path=("n",)),
    Compare("contains", 3, path=("tags",)),
    All((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text"))),
)
UNTOLD: tuple[Filter, ...] = (
    Compare("icontains", "x", field="text"),
    Compare("eq", {"a": 1}, path=("a",)),
    Compare("eq", "x", path=('quo"te',)),
    Compare("eq", "x", path=("",)),
    Compare("eq", 2**60, path=("n",)),
    Compare("eq", "nul\0", path=("a",)),
    Compare("in", [str(n) for n in range(2000)], path=("a",)),
    Some((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text"))),
    Not(Compare("eq", 1, path=("n",))),
    Not(All((Compare("eq", "x", path=("a",)), Compare("icontains", "x", field="text")))),
)


@pytest.mark.parametrize("test", EXACT, ids=str)
@pytest.mark.parametrize("scope", [None, Scope("t", "s", "u")], ids=["wide", "exact"])
def test_is_told_exactly(test: Filter, scope: Scope | None) -> None:
    clause = pushed(test, scope)
    assert clause is not None
    assert clause.exact


@pytest.mark.parametrize("test", COARSE, ids=str)
def test_is_told_coarsely(test: Filter) -> None:
    clause = pushed(test, None)
    assert clause is not None
    assert not clause.exact


@pytest.mark.parametrize("test", UNTOLD, ids=lambda test: str(test)[:60])
def test_is_left_to_the_reference(test: Filter) -> None:
    assert pushed(test, None) is None


@pytest.mark.parametrize("value", ["'; DROP TABLE records; --", "' OR 1 = 1", '"', "%s", "{}", "r.text"])
def test_no_value_and_no_key_of_a_filter_enters_the_statement(value: str) -> None:
    for one, other in (
        (Compare("eq", value, path=("a",)), Compare("eq", "x", path=("a",))),
        (Compare("contains", value, field="text"), Compare("contains", "x", field="text")),
        (Compare("exists", True, path=(value.replace('"', "'"),)), Compare("exists", True, path=("x",))),
        (Compare("in", [value], field="id"), Compare("in", ["x"], field="id")),
    ):
        mine, plain = pushed(one, None), pushed(other, None)
        assert mine is not None
        assert plain is not None
        assert mine.sql == plain.sql
