"""A cursor works for the question it was made for, and for no other."""

from datetime import UTC, datetime

import pytest

from gateway.domain.errors import NotFound
from gateway.domain.filtering import read_filter
from gateway.domain.ports import Position, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.services.cursors import seal, unseal

KEY = b"k" * 32
AT = Position(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "id-1")
MINE = Reach("t1", "s", user="u")
WHERE = Where(frozenset({Kind.MEMORY}))


def test_a_cursor_comes_back_to_the_microsecond() -> None:
    assert unseal(KEY, seal(KEY, AT, MINE, WHERE), MINE, WHERE) == AT


@pytest.mark.parametrize(
    ("reach", "where", "key"),
    [
        (Reach("t10", "s", user="u"), WHERE, KEY),
        (Reach("t1", "s", user="v"), WHERE, KEY),
        (Reach("t1", "s", user="u", run=None), WHERE, KEY),
        (MINE, Where(frozenset({Kind.MESSAGE})), KEY),
        (MINE, Where(frozenset({Kind.MEMORY}), read_filter({"a": 1})), KEY),
        (MINE, WHERE, b"x" * 32),
    ],
)
def test_a_foreign_cursor_is_not_found(reach: Reach, where: Where, key: bytes) -> None:
    with pytest.raises(NotFound):
        unseal(key, seal(KEY, AT, MINE, WHERE), reach, where)


@pytest.mark.parametrize("position", range(0, 60, 4))
def test_a_changed_cursor_is_not_found(position: int) -> None:
    cursor = seal(KEY, AT, MINE, WHERE)
    position %= len(cursor) - 1  # the last character may carry unused bits
    wrong = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
    with pytest.raises(NotFound):
        unseal(KEY, wrong, MINE, WHERE)


@pytest.mark.parametrize("junk", ["", "x", "é", "====", "a" * 10_000, "\0", "../.."])
def test_junk_is_not_found(junk: str) -> None:
    with pytest.raises(NotFound):
        unseal(KEY, junk, MINE, WHERE)
