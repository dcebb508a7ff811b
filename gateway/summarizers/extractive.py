"""The sentences that say most of a conversation, word for word and in their order: no model, no network, never an error.

A sentence counts by its words: those that the conversation comes back to, and names and numbers. The same conversation
gives the same text on every machine. In a language without spaces, sentences are simply the first and the last.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.domain.ports import Kit
from gateway.summarizers.talk import Talk

__all__ = ["Extractive"]

_END: Final = re.compile(r"(?<=[.!?。!?])\s+|\n+")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_INLINE: Final = 20_000  # characters that are read on the loop
_LONGEST: Final = 280  # characters of one sentence
_MARKED: Final = 0.35  # what a name or a number adds
_COMMON: Final = (
    "a about after all also am an and any are as at be been but by can could did do does for from get had has have he her "
    "here him his how i i'd i'll i'm i've if in into is it it's its just let like may me more most my no not now of on one "
    "only or our out over please she should so some such sure than thank thanks that the their them then there these they "
    "this those to too up us very was we were what when where which who why will with would yes you you're your"
)


_PASSED: Final = frozenset(_COMMON.split())


class ExtractiveOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sentences: Annotated[int, Meta(ge=1, le=200, description="How many of them make a summary.")] = 8


class _Sentence(msgspec.Struct, frozen=True):
    place: int
    told: str
    words: tuple[str, ...]
    marked: int


class Extractive:
    type_name: ClassVar[str] = "extractive"
    Options: ClassVar[type[Any]] = ExtractiveOptions

    def __init__(self, options: ExtractiveOptions, kit: Kit) -> None:
        del kit
        self._options = options

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def summarize(self, talk: Talk) -> str:
        """Sentences of an earlier summary stand beside those of the messages, so what keeps mattering stays."""
        if sum(len(line.content) for line in talk.lines) <= _INLINE:
            return self._chosen(talk)
        return await asyncio.to_thread(self._chosen, talk)

    def _chosen(self, talk: Talk) -> str:
        sentences = list(_sentences(talk))
        said = Counter(word for each in sentences for word in set(each.words))
        best = sorted(sentences, key=lambda each: (-_weight(each, said), each.place))
        return "\n".join(each.told for each in sorted(self._unlike(best), key=lambda each: each.place))

    def _unlike(self, best: Sequence[_Sentence]) -> list[_Sentence]:
        """The first so many, without those that only say again what is there."""
        chosen: list[_Sentence] = []
        for each in best:
            if len(chosen) == self._options.sentences:
                break
            words = set(each.words)
            if not any(words and len(words & set(other.words)) > 0.8 * len(words) for other in chosen):
                chosen.append(each)
        return chosen


def _sentences(talk: Talk) -> Iterator[_Sentence]:
    place = 0
    spoken = [("", line) for line in talk.before.splitlines()]
    spoken += [(f"{line.role}: ", part) for line in talk.lines for part in _END.split(line.content)]
    for who, part in spoken:
        text = " ".join(part.split())
        if not text:
            continue
        found = _WORD.findall(text)
        words = tuple(word.lower() for word in found if word.lower() not in _PASSED)
        marked = sum(word[0].isdigit() or (number > 0 and word[0].isupper()) for number, word in enumerate(found))
        told = text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
        yield _Sentence(place, who + told, words, marked)
        place += 1


def _weight(sentence: _Sentence, said: Counter[str]) -> float:
    """The mean weight of its words, so that length alone gains nothing; short ones are worth less."""
    if not sentence.words:
        return 0.0
    shared = sum(said[word] ** 0.5 for word in set(sentence.words)) / (len(set(sentence.words)) + 2)
    return shared + _MARKED * min(sentence.marked, 4)
