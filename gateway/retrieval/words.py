"""Text to terms: Unicode words, without case and accents, English stop words out, English words stemmed.

A language without English stems or without spaces must degrade and never break: words of other scripts stay as they
are, and runs of Han, Hiragana, Katakana or Thai become pairs of characters. Knows nothing of records or scores.
"""

import re
import unicodedata
from typing import Any, Final, cast

from Stemmer import Stemmer  # pyright: ignore[reportUnknownVariableType]  # compiled, without types

_LISTED: Final = """
a about above after again against all also am an and any are aren as at be because been before being below between
both but by can cannot could couldn d did didn do does doesn doing don down during each few for from further had
hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just
ll m ma me might mightn more most must mustn my myself needn no nor not now o of off on once only or other our
ours ourselves out over own re s same shall shan she should shouldn so some such t than that the their theirs them
themselves then there these they this those through to too under until up ve very was wasn we were weren what when
where which while who whom whose why will with won would wouldn y you your yours yourself yourselves
"""
STOP_WORDS: Final = frozenset(_LISTED.split())  # without the month of May

_WORD: Final = re.compile(r"[^\W_]+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+"
)


def words(text: str) -> list[str]:
    """The words that carry meaning, in order and unstemmed."""
    folded = text.casefold()
    if not folded.isascii():
        # Marks would tear words apart where vowels are marks, as in Thai and Hindi.
        plain = unicodedata.normalize("NFKD", folded)
        folded = "".join(each for each in plain if not unicodedata.category(each).startswith("M"))
    return [word for word in _WORD.findall(folded) if word not in STOP_WORDS]


class Stems:
    """Turns words into terms. Not shared between threads: the stemmer keeps a cache of its own."""

    def __init__(self) -> None:
        self._stemmer: Any = cast("Any", Stemmer)("english")

    def terms(self, text: str) -> list[str]:
        """The text's terms in order, repeated as often as they occur."""
        found = words(text)
        if text.isascii():
            return self._stemmer.stemWords(found)
        terms: list[str] = []
        for word in found:
            if word.isascii():
                terms.append(self._stemmer.stemWord(word))
            elif _UNSPACED.search(word):
                terms.extend(_pieces(word))
            else:
                terms.append(word)
        return terms


def _pieces(word: str) -> list[str]:
    """Pairs of neighbouring characters where the script has no spaces; what stands between them stays whole."""
    pieces: list[str] = []
    last = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > last:
            pieces.append(word[last : run.start()])
        characters = run.group()
        pieces.extend(characters[n : n + 2] for n in range(max(1, len(characters) - 1)))
        last = run.end()
    if last < len(word):
        pieces.append(word[last:])
    return pieces
