"""What gives away a text that wants to command whoever reads it, and how much each sign weighs.

A phrase is words in their order with at most so many words from one to the next: `ignore|forget 4 previous 3 rules`. All
phrases are followed at once, in one pass over the words, so that no text takes longer than its length.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.hooks.screen.normalising import Read, read

_RULES: Final = (
    "instructions|instruction|rules|rule|prompt|prompts|guidelines|directives|directive|policies|constraints|restrictions|"
    "programming|safeguards|guardrails|filters|limitations"
)
_PRIOR: Final = (
    "previous|prior|above|earlier|preceding|all|any|your|existing|original|former|every|initial|safety|system"
)
_SECRETS: Final = (
    "password|passwords|credentials|credential|secret|secrets|token|tokens|keys|ssn|conversation|conversations|memories|"
    "chats|cookies"
)
_SENDS: Final = "send|forward|post|upload|transmit|exfiltrate|leak|email|mail|submit|copy|ship|append|encode|relay"

PHRASES: Final[tuple[tuple[str, float, str], ...]] = (
    ("override", 0.75, f"ignore|disregard|forget|override|bypass|neglect|discard|dismiss|violate|unlearn 4 {_PRIOR} 3 {_RULES}"),
    ("override", 0.75, f"not|never|stop 1 follow|following|obey|obeying|apply 4 {_PRIOR} 3 {_RULES}"),
    ("override", 0.7, "ignoriere|ignorieren|vergiss|vergessen|missachte 6 anweisungen|regeln|vorgaben|instruktionen"),
    ("override", 0.7, "ignora|ignorar|olvida|descarta|dimentica 6 instrucciones|reglas|indicaciones|istruzioni|regole"),
    ("override", 0.7, "ignorez|oublie|oubliez 6 instructions|consignes|regles"),
    ("override", 0.7, "ignore 6 consignes|instrucoes|regras"),
    ("new_orders", 0.5, "your 2 new|real|true|actual 2 instructions|task|goal|objective|directive|purpose 1 is|are"),
    ("new_orders", 0.35, "from 1 now 1 on 5 you|always|respond|reply|answer|must"),
    ("authority", 0.5, "system|admin|administrator|developer|root|operator 1 override|directive|instruction|command"),
    ("role", 0.75, "you 2 are 2 now 4 dan|unrestricted|jailbroken|evil|root|unfiltered|uncensored|unbound|amoral"),
    ("role", 0.7, "act|behave|pretend|roleplay|respond|imagine 8 unrestricted|unfiltered|jailbroken|uncensored|dan|amoral"),
    ("role", 0.7, "act|behave|pretend|roleplay|imagine 5 no|without 3 restrictions|rules|limits|filters|guidelines|ethics"),
    ("role", 0.6, "developer|debug|god|dan|sudo|jailbreak|unrestricted 1 mode 4 enabled|activated|unlocked|active|on"),
    ("role", 0.6, "enter|enable|activate|switch|engage 5 developer|god|dan|sudo|jailbreak|unrestricted 1 mode"),
    ("reveal", 0.7, "reveal|print|show|output|repeat|disclose|leak|display|dump|tell|share 5 system|hidden|initial|secret|developer 2 prompt|prompts|instructions"),
    ("exfiltration", 0.7, f"{_SENDS} 8 {_SECRETS} 12 http|https|www|attacker|webhook|external|collector"),
    ("exfiltration", 0.55, f"{_SENDS} 8 data|history|messages|contacts|contents|notes|profile|files 12 attacker|webhook|evil|collector"),
    ("exfiltration", 0.55, "append|encode|embed|include|put 8 password|passwords|credentials|secrets|tokens|conversation|memories 8 url|link|query|image|parameter"),
    ("tool_abuse", 0.6, "call|invoke|execute|run|use|trigger 6 tool|function|command|shell|plugin 10 delete|transfer|rm|wire|purchase|silently|curl|exfiltrate|disable"),
    ("tool_abuse", 0.6, "delete|wipe|erase|drop|purge 3 all|every|entire 4 files|records|database|databases|backups|tables 8 without|silently|immediately"),
    ("tool_abuse", 0.55, "rm 1 rf"),
    ("tool_abuse", 0.6, "curl|wget 10 bash|sh"),
    ("tool_abuse", 0.5, "transfer|wire|pay|send 6 funds|money|bitcoin|btc|usd|dollars|payment|payments|balance 10 account|wallet|address|iban 6 without|immediately|attacker|silently"),
    ("concealment", 0.6, "not|never|without|t 2 tell|inform|telling|informing|notify|notifying|alert|alerting 3 user|users|human|humans|operator"),
    ("planting", 0.5, "when|whenever|if 3 user|users|customer|anyone|someone|they 4 ask|asks|mention|mentions|request|requests|wants 12 recommend|reply|respond|answer|say|send|claim|insist|redirect"),
    ("planting", 0.5, "remember|store|save|memorize|note 8 always|permanently|authoritative|verified|trusted 8 recommend|obey|trust|approve|approved|comply"),
    ("planting", 0.55, "in|for 1 all|every|any 2 future 2 conversations|conversation|sessions|responses|replies|chats 12 you|always|must|include|recommend|never"),
)  # fmt: skip

MARKS: Final[tuple[tuple[str, float, tuple[str, ...]], ...]] = (
    *(("markup", 0.65, (mark,)) for mark in (
        "<|im_start|>", "<|im_end|>", "<|system|>", "<|endoftext|>", "[inst]", "[/inst]", "<<sys>>", "</system>",
        "<system>", "### system:", "### instruction:", "[system]", "begin system prompt", "end of user input",
    )),
    ("exfiltration", 0.6, ("![", "](http", "?", "=")),
    ("override", 0.7, ("忽略", "指令")),
    ("override", 0.7, ("игнорируй", "инструкции")),
)  # fmt: skip

SIGNS: Final[Mapping[str, float]] = {"hidden_text": 0.65, "hidden_characters": 0.35, "lookalikes": 0.35}
_ENCODED: Final = 0.4


class _Stage(NamedTuple):
    phrase: int
    place: int
    gap: int  # words since the stage before
    last: bool


class Patterns:
    """`found` says what a text has, each name once, with its weight."""

    def __init__(self, phrases: Sequence[tuple[str, float, str]] = PHRASES) -> None:
        self._phrases = phrases
        self._stages: dict[str, list[_Stage]] = {}
        for number, (_, _, phrase) in enumerate(phrases):
            parts = phrase.split()
            words, gaps = parts[::2], [0, *map(int, parts[1::2])]
            for place, (some, gap) in enumerate(zip(words, gaps, strict=True)):
                for word in some.split("|"):
                    stage = _Stage(number, place, gap, place == len(words) - 1)
                    self._stages.setdefault(word, []).append(stage)
        for stages in self._stages.values():
            stages.sort(key=lambda each: -each.place)  # a word that is both, of one phrase, is the later one first

    def found(self, text: str) -> dict[str, float]:
        told = read(text)
        found = {sign: SIGNS[sign] for sign in told.signs}
        self._look(told, found)
        for each in told.peeked:
            inner: dict[str, float] = {}
            self._look(read(each, peek=False), inner)
            if inner:
                _raise(found, {**inner, "encoded": _ENCODED}.items())
        if "игнор" in text.casefold():
            _raise(found, _marked(text.casefold()))
        return found

    def _look(self, told: Read, found: dict[str, float]) -> None:
        _raise(found, _marked(told.text))
        reached: dict[tuple[int, int], int] = {}
        for at, word in enumerate(told.words):
            for stage in self._stages.get(word, ()):
                if stage.place:
                    before = reached.get((stage.phrase, stage.place - 1))
                    if before is None or at - before > stage.gap:
                        continue
                if stage.last:
                    name, weight, _ = self._phrases[stage.phrase]
                    _raise(found, [(name, weight)])
                else:
                    # The latest is as good as any earlier one for all that may follow.
                    reached[stage.phrase, stage.place] = at


def suspicion(found: Mapping[str, float]) -> float:
    """From 0 to 1: what several signs leave no doubt about, none of them need say alone."""
    doubt = 1.0
    for weight in found.values():
        doubt *= 1 - weight
    return 1 - doubt


def _marked(text: str) -> Iterable[tuple[str, float]]:
    return ((name, weight) for name, weight, parts in MARKS if all(each in text for each in parts))


def _raise(found: dict[str, float], more: Iterable[tuple[str, float]]) -> None:
    for name, weight in more:
        found[name] = max(found.get(name, 0.0), weight)
