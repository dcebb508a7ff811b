"""How deep a check goes: five levels over the text, each including those before it, and a probe of what it names.

Which level a finding belongs to follows from its code. What depends on the machine that checks comes last, so that a
check without secrets can stop before it.
"""

from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["syntax", "structure", "references", "meaning", "environment"]
Stage: TypeAlias = Literal["syntax", "structure", "references", "meaning", "environment", "probe"]

LEVELS: Final[tuple[Level, ...]] = ("syntax", "structure", "references", "meaning", "environment")
STAGES: Final[tuple[Stage, ...]] = (*LEVELS, "probe")

_BLOCKS: Final[dict[str, Stage]] = {
    "00": "syntax", "01": "references", "02": "structure", "03": "references", "04": "meaning", "05": "meaning",
    "06": "meaning", "07": "meaning", "08": "environment", "10": "meaning",
}  # fmt: skip
_SINGLE: Final[dict[str, Stage]] = {
    "MG0101": "environment", "MG0102": "environment", "MG0803": "probe", "MG0804": "probe", "MG0805": "probe",
}  # fmt: skip


def stage_of(code: str) -> Stage:
    return _SINGLE.get(code) or _BLOCKS[code[2:4]]


def within(code: str, upto: Stage) -> bool:
    return STAGES.index(stage_of(code)) <= STAGES.index(upto)
