"""A code explained: what and why, what to do, a broken example and its correction. As text, and as Markdown."""

from typing import Final

from gateway.config.codes import CODES
from gateway.config.examples import EXAMPLES
from gateway.config.examples.example import CASES, Example
from gateway.config.levels import stage_of

WIDEST: Final = 120  # of an example's lines; the rest is of no interest


def explained(code: str) -> str:
    """For a terminal."""
    entry, example = CODES[code], EXAMPLES[code]
    lines = [f"{code} {entry.title} ({entry.severity}, {_found_by(code)})", "", entry.about, example.mend]
    for word, fragment in _fragments(example):
        lines += ["", f"{word}, {example.file}:", *(f"    {line}" for line in _shown(fragment))]
    if example.assumes:
        lines += ["", f"Assumed: {example.assumes}."]
    return "\n".join(lines)


def in_markdown(code: str) -> str:
    entry, example = CODES[code], EXAMPLES[code]
    lines = [entry.about, "", example.mend]
    for word, fragment in _fragments(example):
        lines += ["", f"{word}, `{example.file}`:", "", "```yaml", *_shown(fragment), "```"]
    return "\n".join(lines)


def table() -> str:
    """Every code with its severity and title."""
    return "\n".join(f"{code}  {entry.severity:<7}  {entry.title}" for code, entry in CODES.items())


def _found_by(code: str) -> str:
    if EXAMPLES[code].file == CASES:
        return "memory-gateway test"
    stage = stage_of(code)
    return "validate --probe" if stage == "probe" else f"level {stage}"


def _fragments(example: Example) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("Broken", example.broken), ("Mended", example.mended)


def _shown(fragment: str) -> list[str]:
    """The lines, with what no terminal should be sent written as escapes, and none longer than can be read."""
    shown = ["".join(map(_visible, line[: WIDEST + 1])) for line in fragment.split("\n")]
    return [line if len(line) <= WIDEST else line[: WIDEST - 1] + "…" for line in shown]


def _visible(character: str) -> str:
    if character == "\t":
        return "→   "
    return character if character.isprintable() else f"\\x{ord(character):02x}"
