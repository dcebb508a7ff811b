"""One meaning of filters: what a provider lets through is what the reference evaluator does, for any record and filter."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.filters import FIELDS, OPS, TIMES, All, Compare, Field, Filter, Not, Op, Some, matches
from gateway.domain.ports import Matching, Nearest, Provider, Where
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, everything, scanned, unit
from gateway.testing.subjects import DIMENSION, MANY, Subject

_FEW: Final = 8  # examples, on a subject that is slow

KEYS = ("a", "b", "A", "\u00e9", "with space", 'quo"te', "back\\slash", "", "$", "[0]", "0", "text", "a%")
WORDS = (
    "",
    "a",
    "A",
    "ab",
    "1",
    "true",
    "null",
    "%",
    "_",
    "a%",
    "stra\u00dfe",
    "STRASSE",
    "\u00e9",
    "e\u0301",
    'x"y',
    "\U0001f9e0",
    "\n",
)
NUMBERS = (0, 1, -1, 1.0, -0.0, 0.1, 0.30000000000000004, 1.5, 2**53 - 1, 1e22, 1e300, 5e-324, 123456789.123456789)

scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(WORDS),
    st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=4),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(KEYS), each, max_size=3),
    max_leaves=6,
)
metadata = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)


@st.composite
def compares(draw: st.DrawFn, times: tuple[datetime, ...]) -> Compare:
    op: Op = draw(st.sampled_from(OPS))
    field: Field | None = draw(st.sampled_from((None, None, None, *FIELDS)))
    path = draw(paths) if field is None else ()
    operand: st.SearchStrategy[Any] = values
    if field in TIMES:
        op = draw(st.sampled_from([each for each in OPS if "contains" not in each]))
        operand = st.sampled_from(times)
    if op == "exists":
        operand = st.booleans()
    elif op == "icontains":
        operand = st.sampled_from(WORDS)
    elif op in ("in", "nin"):
        operand = st.lists(operand, max_size=3)
    return Compare(op, draw(operand), field, path)


def filters(times: tuple[datetime, ...]) -> st.SearchStrategy[Filter]:
    leaves: st.SearchStrategy[Filter] = compares(times)
    return st.recursive(
        leaves,
        lambda each: st.one_of(
            st.lists(each, max_size=3).map(lambda parts: All(tuple(parts))),
            st.lists(each, max_size=3).map(lambda parts: Some(tuple(parts))),
            each.map(Not),
        ),
        max_leaves=5,
    )


@pytest.fixture
def examples() -> Iterator[int]:
    return count()


@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(data=st.data())
async def test_any_filter_lets_through_what_the_reference_does(
    data: st.DataObject, subject: Subject, examples: Iterator[int], provider: Provider, make: Maker, clock: Time
) -> None:
    start = clock.now.replace(microsecond=0)
    times = tuple(start + timedelta(microseconds=n) for n in (0, 1, 1000, 60_000_000, 60_000_001, 86_400_000_000))
    user = make.record().id  # one that no other example has
    scopes = [make.scope(user), make.scope(user, agent="a", run="A"), make.scope(user, run="ab")]
    records: list[Record] = []
    for _ in range(data.draw(st.integers(1, 12))):
        held = data.draw(metadata)
        created = data.draw(st.sampled_from(times))
        records.append(
            make.record(
                data.draw(st.sampled_from(WORDS)),
                data.draw(st.sampled_from(scopes)),
                metadata=held,
                role=data.draw(st.sampled_from(("", "a", "A"))),
                created_at=created,
                updated_at=data.draw(st.sampled_from(times)),
                expires_at=data.draw(st.sampled_from((None, times[-1], start + timedelta(days=9)))),
                provenance=Provenance(agent=data.draw(st.sampled_from(("", "a", "b"))), user="other"),
            )
        )
    test = data.draw(filters(times))
    limits = [data.draw(st.sampled_from((1, 3, 100))) for _ in range(3)]
    if subject.many < MANY and next(examples) >= _FEW:
        return  # a slow stand-in is asked fewer of them
    await provider.put(records)
    where = Where(frozenset({Kind.MEMORY}), test)
    reaches = (Reach.only(scopes[0]), Reach(make.tenant, "default", user, None, None), everything(make.tenant))
    for reach, limit in zip(reaches, limits, strict=True):
        expected = sorted(
            (each.created_at, each.id) for each in records if reach.covers(each.scope) and matches(test, each)
        )
        found = await scanned(provider, reach, where, limit=limit)
        mine = [(each.created_at, each.id) for each in found if each.scope.user == user]
        assert mine == expected[::-1]
    await provider.delete(everything(make.tenant), [each.id for each in records])


TABLE: tuple[tuple[str, Filter, set[str]], ...] = (
    ("true is not 1", Compare("eq", True, path=("v",)), {"true"}),
    ("1 is 1.0 and not true", Compare("eq", 1, path=("v",)), {"one", "one float"}),
    ("text is not a number", Compare("eq", "1", path=("v",)), {"one text"}),
    ("null is a value", Compare("eq", None, path=("v",)), {"null"}),
    ("a path into nothing is unlike any value", Compare("ne", 1, path=("v",)), {"true", "one text", "null", "list", "nothing", "big"}),
    ("a path into nothing is in no list", Compare("nin", [None, True], path=("v",)), {"one", "one float", "one text", "list", "nothing", "big"}),
    ("nothing does not exist, null does", Compare("exists", False, path=("v",)), {"nothing"}),
    ("numbers are compared with numbers alone", Compare("gte", 1, path=("v",)), {"one", "one float", "big"}),
    ("text is compared with text alone", Compare("lt", "2", path=("v",)), {"one text"}),
    ("a list contains its elements", Compare("contains", 1, path=("v",)), {"list"}),
    ("contains keeps case", Compare("contains", "T", path=("v",)), set()),
    ("an empty All passes all", All(()), {"true", "one", "one float", "one text", "null", "list", "nothing", "big"}),
    ("an empty Some passes none", Some(()), set()),
    ("large integers are exact", Compare("gt", 2**53 - 2, path=("v",)), {"big"}),
    ("LIKE's wildcards are letters", Compare("contains", "%", field="text"), set()),
    ("case is folded on request", Compare("icontains", "ONE", field="text"), {"one", "one float", "one text"}),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(TABLE)))
async def test_values_are_never_converted(number: int, provider: Provider, make: Maker) -> None:
    held: dict[str, dict[str, Any]] = {
        "true": {"v": True}, "one": {"v": 1}, "one float": {"v": 1.0}, "one text": {"v": "1"}, "null": {"v": None},
        "list": {"v": [1, "t", [True]]}, "nothing": {"w": 1}, "big": {"v": 2**53 - 1},
    }  # fmt: skip
    records = [make.record(text, metadata=metadata) for text, metadata in held.items()]
    await provider.put(records)
    said, test, expected = TABLE[number]
    assert {each.text for each in records if matches(test, each)} == expected, said
    found = await scanned(provider, Reach.only(make.scope()), Where(frozenset({Kind.MEMORY}), test), limit=3)
    assert {each.text for each in found} == expected, said


async def test_every_verb_reads_filters_alike(provider: Provider, make: Maker) -> None:
    records = [
        make.record("tea", metadata={"n": n % 3, "s": ["x", n], "t": str(n)}, vector=unit([1, n, 0, 0, 0, 0, 0, 0]))
        for n in range(30)
    ]
    await provider.put(records)
    reach = Reach.only(make.scope())
    for test in (
        Compare("eq", 1, path=("n",)), Compare("contains", 7, path=("s",)), Compare("nin", ["3", "4"], path=("t",)),
        Some((Compare("gt", 1.5, path=("n",)), Compare("icontains", "1", path=("t",)))), Not(Compare("lt", 2, path=("n",))),
    ):  # fmt: skip
        where = Where(frozenset({Kind.MEMORY}), test)
        expected = {each.id for each in records if matches(test, each)}
        assert {each.id for each in await scanned(provider, reach, where)} == expected
        if isinstance(provider, Nearest):
            near = await provider.nearest(reach, unit([1] * DIMENSION), where, 100)
            assert {hit.record.id for hit in near} == expected
        if isinstance(provider, Matching):
            assert {hit.record.id for hit in await provider.matching(reach, ["tea"], where, 100)} == expected
