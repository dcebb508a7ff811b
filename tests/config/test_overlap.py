"""Ties are found exactly where two routes can win: held against the matcher that serves requests."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.model import Match
from gateway.config.overlap import conditions, specificity, witness
from gateway.runtime import routing

PATTERNS = st.sampled_from(["a", "b", "ab", "a*", "ab*", "b*", "*"])
GIVEN = st.none() | PATTERNS | st.lists(PATTERNS, min_size=1, max_size=2).map(tuple)
MATCHES = st.builds(
    Match, op=GIVEN, agent=GIVEN, header=st.dictionaries(st.sampled_from(["x-t", "X-T"]), PATTERNS, max_size=1)
)
VALUES = ["a", "b", "ab", "aba", "x"]


def _takes(match: Match, request: dict[str, str]) -> bool:
    return all(
        any(request[name].startswith(each[:-1]) if each.endswith("*") else request[name] == each for each in patterns)
        for name, patterns in conditions(match).items()
    )


@settings(max_examples=150, deadline=None)
@given(MATCHES, MATCHES)
def test_there_is_a_witness_exactly_when_some_request_fits_both(one: Match, other: Match) -> None:
    names = ["op", "agent", "header x-t"]
    both = any(
        _takes(one, request) and _takes(other, request)
        for values in product(VALUES, repeat=3)
        for request in [dict(zip(names, values, strict=True))]
    )
    found = witness(one, other)
    assert (found is not None) == both
    if found is not None:
        request = {**dict.fromkeys(names, "x"), **found}
        assert _takes(one, request)
        assert _takes(other, request)


@settings(max_examples=100, deadline=None)
@given(MATCHES)
def test_specificity_is_the_one_the_server_sorts_by(match: Match) -> None:
    assert specificity(match) == routing.specificity(match)


def test_an_exact_condition_is_more_specific_than_a_prefix_and_two_more_than_one() -> None:
    ranks = [Match(), Match(agent="a*"), Match(agent="a"), Match(agent="a*", op="add"), Match(agent="a", op="search")]
    assert [specificity(each) for each in ranks] == sorted(specificity(each) for each in ranks)
    assert len({specificity(each) for each in ranks}) == len(ranks)
