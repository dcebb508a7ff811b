"""YAML 1.2 core scalars: what is a number, a truth value or nothing, and what stays the text it is."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.located import Located, read_tree
from gateway.config.text import read_text


def _read(text: str) -> Located:
    read, notes = read_text(Path("f"), text.encode())
    assert read is not None
    located, more = read_tree(read)
    assert located is not None
    assert [*notes, *more] == []
    return located


@pytest.mark.parametrize("word", ["NO", "no", "on", "Off", "y", "True", "TRUE", "False", "0123", "-07", "0o14", "0x1F", "0b1", "1_000", "12:30:45", "190:20:30", "2026-01-01", "2026-01-01T00:00:00Z", ".inf", "-.INF", ".nan", "1e", "+", ".", "1e99999", "=", "~x", "nil", "9" * 40, "1.2.3", "٣"])  # fmt: skip
def test_a_word_that_only_looks_like_a_value_stays_text(word: str) -> None:
    assert _read(f"a: {word}\n").tree == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [("0", 0), ("-0", 0), ("+7", 7), ("123", 123), ("1.5", 1.5), ("-.5", -0.5), ("1e3", 1000.0), ("1.", 1.0),
     ("6.02E+23", 6.02e23), ("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("Null", None)],
)  # fmt: skip
def test_core_scalars_are_read(word: str, value: Any) -> None:
    read = _read(f"a: {word}\n").tree["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("word", ["true", "null", "12", "~", "1.5"])
def test_quotes_and_the_str_tag_make_text(word: str) -> None:
    tree = _read(f"a: '{word}'\nb: \"{word}\"\nc: !!str {word}\nd: ! {word}\ne: |-\n  {word}\n").tree
    assert tree == dict.fromkeys("abcde", word)


def test_places_count_characters_from_one_also_behind_wide_ones() -> None:
    located = _read("ключ: {é: '😀', b: x}\nlist:\n  - 1\n  - {k: v}\n")
    assert (located.mark("ключ", "b").line, located.mark("ключ", "b").column) == (1, 19)
    assert located.key("ключ", "b").column == 16
    assert (located.mark("list", 1, "k").line, located.mark("list", 1, "k").column) == (4, 9)
    assert located.mark("list", 1, "missing").line == 4


def test_an_alias_is_placed_where_it_is_defined() -> None:
    located = _read("a: &x {k: 1}\nb: *x\n")
    assert located.tree == {"a": {"k": 1}, "b": {"k": 1}}
    assert located.mark("b", "k").line == 1
    assert located.key("b").line == 2
