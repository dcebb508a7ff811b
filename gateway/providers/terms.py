"""Text to the terms that text search compares, and BM25 over them: for providers that index words themselves.

Words are case-folded, freed of accents and stemmed as English (Porter); scripts without spaces become pairs of
characters. Knows no records, scopes or stores. Nothing in here may depend on anything but the text given.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from math import log
from typing import Any, Final, cast

import Stemmer

_WORD: Final = re.compile(r"[^\W_]+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+"
)
_SLICE: Final = 2_000  # words stemmed in one call
_LONG: Final = 50_000  # characters searched for words in one call
_K1: Final = 1.2  # how soon repeating a word stops to help
_B: Final = 0.75  # how much long texts are marked down


class Terms:
    """Splits texts. Not shared between threads: the stemmer keeps a cache of its own."""

    def __init__(self) -> None:
        self._stemmed: Callable[[list[str]], list[str]] = cast("Any", Stemmer).Stemmer("porter").stemWords

    def of(self, text: str) -> list[str]:
        """The terms in order, repeated as often as they occur."""
        folded = text.casefold()
        if folded.isascii():
            return self._stems(_words(folded))
        plain = unicodedata.normalize("NFKD", folded)
        words = _words("".join(each for each in plain if not unicodedata.combining(each)))
        return self._stems([piece for word in words for piece in _pieces(word)])

    def _stems(self, words: list[str]) -> list[str]:
        if len(words) <= _SLICE:
            return self._stemmed(words)
        # Each word once, and a few at a time: one call for a long text would hold every other thread up.
        each = list(dict.fromkeys(words))
        stems: dict[str, str] = {}
        for start in range(0, len(each), _SLICE):
            some = each[start : start + _SLICE]
            stems.update(zip(some, self._stemmed(some), strict=True))
        return [stems[word] for word in words]

    def wanted(self, words: Iterable[str]) -> list[str]:
        """The different terms of a query, in order."""
        return list(dict.fromkeys(term for word in words for term in self.of(word)))


def _words(text: str) -> list[str]:
    if len(text) <= _LONG:
        return _WORD.findall(text)
    return [found.group() for found in _WORD.finditer(text)]  # slower, and lets other threads go on


def _pieces(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    pieces: list[str] = []
    last = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > last:
            pieces.append(word[last : run.start()])
        text = run.group()
        pieces.extend(text[at : at + 2] for at in range(max(1, len(text) - 1)))
        last = run.end()
    if last < len(word):
        pieces.append(word[last:])
    return pieces


def rarity(holding: int, total: int) -> float:
    """What a term is worth that `holding` of `total` texts have. Never negative, so each found word helps."""
    return log(1.0 + (max(total, holding) - holding + 0.5) / (holding + 0.5))


def weight(times: int, length: int, average: float) -> float:
    """How much a text is about a term that it holds `times` times."""
    return times * (_K1 + 1.0) / (times + _K1 * (1.0 - _B + _B * length / (average or 1.0)))
