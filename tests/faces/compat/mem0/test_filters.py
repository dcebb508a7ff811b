"""mem0's filters mean here what they mean there: compared with another reading of them, and refused where they mean nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import Invalid
from gateway.domain.filtering import read_filter
from gateway.domain.filters import matches
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope
from gateway.faces.compat.mem0.asking import mapping_of
from gateway.faces.compat.mem0.filters import Wanted, scoped, wanted
from tests.servers.mem0_filters import passes

DAY = datetime(2026, 1, 15, tzinfo=UTC)
NAMES = ("ada", "bob", None)


def record(item: dict[str, Any], text: str = "likes green tea") -> Record:
    scope = Scope("t", "s", item["user_id"] or "", item["agent_id"] or "", item["run_id"] or "")
    metadata = {**item["metadata"], **({"app_id": item["app_id"]} if item["app_id"] else {})}
    return Record(id="m1", kind=Kind.MEMORY, scope=scope, text=text, metadata=metadata, created_at=DAY, updated_at=DAY)


def found(filters: dict[str, Any], each: Record, *, bare: bool = False) -> bool:
    """What a service does with it: the pinned parts are the reach, the rest is compared."""
    asked = wanted(filters, bare=bare)
    pins = {"user": asked.user, "agent": asked.agent, "run": asked.run}
    within = all(getattr(each.scope, part) == value for part, value in pins.items() if value)
    return within and matches(read_filter(asked.rest), each)


items = st.fixed_dictionaries(
    {name: st.sampled_from(NAMES) for name in ("user_id", "agent_id", "app_id", "run_id")}
    | {"metadata": st.dictionaries(st.sampled_from(["k", "n"]), st.sampled_from([1, "x", None]), max_size=2)}
)
leaves: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={name: st.sampled_from(["ada", "bob", "*"]) for name in ("user_id", "agent_id", "app_id", "run_id")},
    ).filter(bool),
    st.fixed_dictionaries({"metadata": st.dictionaries(st.just("k"), st.sampled_from([1, "x"]), min_size=1)}),
)


def joined(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(*(st.fixed_dictionaries({key: parts}) for key in ("AND", "OR", "NOT")))


trees: st.SearchStrategy[dict[str, Any]] = st.recursive(leaves, joined, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(items, trees)
def test_a_filter_finds_what_another_reading_of_it_finds(item: dict[str, Any], filters: dict[str, Any]) -> None:
    assert found(filters, record(item)) == passes(item, filters)


ITEM: dict[str, Any] = {
    "user_id": "ada", "agent_id": "bot", "app_id": "shop", "run_id": None,
    "metadata": {"topic": "food", "n": 5, "deep": {"x": 1}, "categories": ["pets", "home"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"user_id": {"in": ["ada", "bob"]}}, True),
        ({"user_id": {"ne": "ada"}}, False),
        ({"run_id": "*"}, False),
        ({"run_id": None}, True),
        ({"created_at": {"gte": "2026-01-15", "lt": "2026-01-16T00:00:00Z"}}, True),
        ({"updated_at": {"gt": "2026-01-15"}}, False),
        ({"timestamp": {"lte": int(DAY.timestamp())}}, True),
        ({"categories": {"in": ["pets", "work"]}}, True),
        ({"categories": {"nin": ["pets"]}}, False),
        ({"categories": ["work"]}, False),
        ({"categories": {"contains": "home"}}, True),
        ({"metadata": {"n": {"gt": 4, "lt": 6}}}, True),
        ({"metadata": {"topic": {"contains": "oo"}, "n": 6}}, False),
        ({"metadata": {"topic": {"nin": ["work"]}}}, True),
        ({"metadata": {"deep": {"x": 1}}}, True),
        ({"metadata": {"absent": "*"}}, False),
        ({"keywords": {"icontains": "GREEN"}}, True),
        ({"keywords": "coffee"}, False),
        ({"memory_ids": ["m1", "m2"]}, True),
        ({"memory_ids": {"in": ["m2"]}}, False),
        ({"app_id": "shop", "NOT": {"agent_id": "other"}}, True),
        ({"user_id": "ada", "AND": [{"user_id": "bob"}]}, False),
    ],
)
def test_every_key_and_operator(filters: dict[str, Any], expected: bool) -> None:
    assert found(filters, record(ITEM)) is expected


UNKNOWN: tuple[Any, ...] = (
        {"usr_id": "ada"}, {"AND": [{"user_id": "ada"}, {"colour": "red"}]}, {"NOT": [{"x": 1}]}, {"AND": ["ada"]},
        {"OR": [dict[str, Any]()]}, {"user_id": 7}, {"categories": {"gt": 1}}, {"metadata": "food"}, ["user_id"], "user_id",
)  # fmt: skip


@pytest.mark.parametrize("filters", UNKNOWN)
def test_what_is_not_known_is_refused(filters: Any) -> None:
    with pytest.raises(Invalid):
        read_filter(wanted(filters).rest)


def test_nesting_has_an_end() -> None:
    deep: dict[str, Any] = {"user_id": "ada"}
    for _ in range(50):
        deep = {"OR": [deep]}
    with pytest.raises(Invalid):
        wanted(deep)


def test_the_open_server_takes_other_keys_for_metadata() -> None:
    assert found({"user_id": "ada", "topic": "food", "n": {"gte": 5}}, record(ITEM), bare=True)
    assert not found({"user_id": "ada", "topic": "work"}, record(ITEM), bare=True)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"user_id": "ada"}, True), ({"app_id": "*"}, True), ({"OR": [{"user_id": "a"}, {"agent_id": "b"}]}, True),
        ({"AND": [{"metadata": {"k": 1}}, {"run_id": {"in": ["r"]}}]}, True),
        ({}, False), (None, False), ({"metadata": {"k": 1}}, False), ({"NOT": [{"user_id": "ada"}]}, False),
        ({"OR": [{"user_id": "a"}, {"metadata": {"k": 1}}]}, False), ({"user_id": {"ne": "ada"}}, False),
        ({"user_id": None}, False), ({"user_id": ""}, False), ({"user_id": []}, False),
    ],
)  # fmt: skip
def test_what_names_nobody_is_no_filter(filters: Any, names: bool) -> None:
    assert wanted(filters).scoped is names
    if not names:
        with pytest.raises(Invalid, match="at least one of"):
            scoped(wanted(filters), bound=False)


def test_what_python_prints_is_read_and_never_run() -> None:
    assert mapping_of("{'user_id': 'ada', 'AND': [{'n': None}, {'b': True}]}", "filters") == {
        "user_id": "ada", "AND": [{"n": None}, {"b": True}],
    }  # fmt: skip
    assert mapping_of('{"user_id": "ada"}', "filters") == {"user_id": "ada"}
    hostile = [
        "__import__('os').system('true')", "{'a': open('x')}", "{'a'}", "[]", "", "{}", "{" * 500, "'x' * 10**9",
        "{'user_id': b'ada'}", "{'a': 1j}", "[" * 5000 + "]" * 5000, "{'user_id': 'ada'", "user_id=ada", "{**{}}",
    ]  # fmt: skip
    for text in hostile:
        with pytest.raises(Invalid):
            mapping_of(text, "filters")


def test_a_wanted_that_is_empty_fixes_nothing() -> None:
    assert wanted(None) == Wanted()
