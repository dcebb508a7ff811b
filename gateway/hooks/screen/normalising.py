"""A text as it is meant to be read: without what hides in it, and with the letters that its letters look like.

Every step takes time in proportion to the text, whatever it holds.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import msgspec

_ZERO: Final = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u034f")
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_OVERRIDES: Final = frozenset("\u202d\u202e")
_TAGS: Final = range(0xE0020, 0xE007F)
_INVISIBLE: Final = re.compile(
    f"[{''.join(sorted(_ZERO | _TURNS))}\U000e0000-\U000e007f]"  # the last are whole letters that nobody sees
)
_TWINS: Final = str.maketrans(
    "авекмнорстухіјѕԁԛԝһӏıαβγεζηικμνορτυχωɑɡ|",
    "abekmhopctyxijsdqwhliaByeznikuvoptuxwagl".lower(),
)
_LEET: Final = str.maketrans("013457@$", "oieastas")
_WORD: Final = re.compile(r"[\w@$]+")
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_RUNS: Final = 32
_RUN_CHARACTERS: Final = 16_384
_LETTERS: Final = 3  # single letters in a row that are one word


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """`signs` are what was done to hide something; `peeked` what stood in the text in base64."""

    text: str
    words: tuple[str, ...]
    signs: frozenset[str]
    peeked: tuple[str, ...] = ()


def read(text: str, *, peek: bool = True) -> Read:
    signs: set[str] = set()
    peeked = tuple(_peeked(text)) if peek else ()
    if _INVISIBLE.search(text):
        text = _visible(text, signs)
    bare = text if text.isascii() else _folded(text, signs)
    bare = bare.casefold()
    return Read(text=bare, words=tuple(_words(bare)), signs=frozenset(signs), peeked=peeked)


def _visible(text: str, signs: set[str]) -> str:
    if any(ord(each) in _TAGS for each in text):
        signs.add("hidden_text")
        text = "".join(chr(ord(each) - 0xE0000) if ord(each) in _TAGS else each for each in text)
    if not _OVERRIDES.isdisjoint(text):
        signs.add("hidden_characters")
    made: list[str] = []
    for n, each in enumerate(text):
        if each not in _ZERO and each not in _TURNS and not 0xE0000 <= ord(each) <= 0xE007F:
            made.append(each)
        elif each in _ZERO and made and _latin(made[-1]) and n + 1 < len(text) and _latin(text[n + 1]):
            signs.add("hidden_characters")  # in the middle of a word, where it joins and parts nothing
    return "".join(made)


def _latin(letter: str) -> bool:
    return letter.isascii() and letter.isalpha()


def _folded(text: str, signs: set[str]) -> str:
    """Compatibility forms and accents undone; letters of other scripts as those they look like."""
    flat = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    plain = flat.casefold().translate(_TWINS)
    if plain != flat.casefold() and any(_mixed(each) for each in _WORD.findall(flat)):
        signs.add("lookalikes")
    return plain


def _mixed(word: str) -> bool:
    """Letters of two alphabets in one word, which no language has."""
    if word.isascii() or not any(map(_latin, word)):
        return False
    return any("\u0370" <= each <= "\u052f" for each in word)


def _words(text: str) -> Iterator[str]:
    """With digits in words as the letters they stand for, and single letters in a row as one word."""
    letters: list[str] = []
    end = -2
    for found in _WORD.finditer(text):
        word = found.group()
        if len(word) == 1 and word.isalnum() and (found.start() - end == 1 or not letters):
            letters.append(word)
            end = found.end()
            continue
        yield from _spelt(letters)
        letters = [word] if len(word) == 1 else []
        end = found.end()
        if letters:
            continue
        yield from _unleet(word).split("_") if "_" in word else (_unleet(word),)
    yield from _spelt(letters)


def _spelt(letters: list[str]) -> Iterator[str]:
    if len(letters) > _LETTERS:
        yield _unleet("".join(letters))
    else:
        yield from letters


def _unleet(word: str) -> str:
    if word.isalpha():
        return word
    if not any(map(str.isalpha, word)):
        return word
    return word.translate(_LEET)


def _peeked(text: str) -> Iterator[str]:
    left = _RUN_CHARACTERS * 4
    for number, found in enumerate(_RUN.finditer(text)):
        run = found.group()[: min(left, _RUN_CHARACTERS)]
        if number >= _RUNS or not run:
            return
        left -= len(run)
        run = run[: len(run) - len(run) % 4] if len(run) % 4 == 1 else run
        try:
            told = base64.b64decode(run.replace("-", "+").replace("_", "/") + "=" * (-len(run) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if told.isprintable() or "".join(told.split()).isprintable():
            yield told
