"""What an unquoted word means: YAML 1.2 core scalars and nothing else.

`NO`, `on`, `True`, `0123`, `0x1f`, `1_000`, `12:30:45`, `2026-01-01` and `.inf` are text.
"""

import math
import re
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "false": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_NUMBER: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")


def read_scalar(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if (
        len(text) <= 64
        and not text.lstrip("+-").isdigit()
        and _NUMBER.fullmatch(text)
        and math.isfinite(number := float(text))
    ):
        return number
    return text


def explain_text(text: str) -> str:
    """Why a text that looks like a number or a truth value is none; "" where it does not look like one."""
    if text.lower() in ("yes", "no", "on", "off", "true", "false", "y", "n"):
        return "only `true` and `false` are truth values"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*_[0-9_]*", text):
        return f"underscores are not part of numbers here; write {text.replace('_', '')}"
    if re.fullmatch(r"[-+]?0[0-9]+", text):
        return f"numbers have no leading zero; write {text.lstrip('0') or '0'}"
    if re.fullmatch(r"0[xob][0-9a-fA-F]+", text):
        return "only decimal numbers exist here"
    if isinstance(read_scalar(text), int | float):
        return f"take the quotes away: {text}"
    return ""
