"""Counting tokens without a network: the Llama tokenizer that the wordllama package brings, or an estimate by words.

Models differ in how they cut text; a budget counted here is within some ten percent of theirs for English prose.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gateway.embedders.wordllama import folder

_EXACT: Final = 20_000  # characters counted one by one: some 4 ms
_CACHED: Final = 2_000
_ENTRIES: Final = 4_096
_OF_A_WORD: Final = 1.3


def load_counter() -> Callable[[str], int]:
    """A function from text to its number of tokens. Loading reads a file for some 50 ms; share the result.

    Counts of short texts are remembered. Past 20,000 characters the count is extrapolated from those.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder() / "tokenizers" / "l2_supercat_tokenizer_config.json"))

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    remembered = lru_cache(_ENTRIES)(count)

    def count_tokens(text: str) -> int:
        if len(text) <= _CACHED:
            return remembered(text)
        if len(text) <= _EXACT:
            return count(text)
        return count(text[:_EXACT]) * len(text) // _EXACT

    return count_tokens


def estimated(text: str) -> int:
    """Words times 1.3, rounded up: the same on any machine, and far from true for what has no spaces."""
    return math.ceil(len(text.split()) * _OF_A_WORD)
