"""The one rule for what every backend can hold, applied at the edge.

Postgres text has no NUL; UTF-8 has no lone surrogates; JSON has no NaN; JavaScript clients round integers past
2^53; deep nesting exhausts stacks. What passes here reads back the same from every provider.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from gateway.domain.errors import Invalid, TooLarge

MAX_DEPTH: Final = 32
MAX_INT: Final = 2**53 - 1
MAX_KEYS: Final = 1_000


def check_text(value: str, at: str) -> None:
    if "\0" in value:
        raise Invalid(f"{at} holds a NUL character, which not every backend can store", code="nul", at=at)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Invalid(f"{at} holds a lone surrogate, which is not text", code="surrogate", at=at) from None


def check_time(value: datetime, at: str) -> datetime:
    """The moment in UTC; without an offset it is UTC already. Refused where UTC has no such moment."""
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise Invalid(f"{at} is out of the calendar", code="bad_time", at=at) from None


def check_json(value: Any, at: str, *, numbers: bool = True) -> None:
    """Refuse what some backend would change or drop. `numbers=False` keeps to text rules, for opaque bodies."""
    if not _fine(value, numbers):
        _walk(value, at, 0, numbers, [MAX_KEYS])  # finds the place and says what is wrong there


def _fine(value: Any, numbers: bool) -> bool:
    """Whether nothing can be wrong, level by level: what is nearly always so is seen without naming any place."""
    level: list[Any] = [value]
    keys = 0
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for each in level:
            kind = cast("Any", type(each))
            if kind is str:
                if "\0" in each or not (each.isascii() or _encodes(each)):
                    return False
            elif kind is dict:
                keys += len(each)
                inner.extend(each)
                inner.extend(each.values())
            elif kind is list:
                inner.extend(each)
            elif kind is int:
                if numbers and abs(each) > MAX_INT:
                    return False
            elif kind is float:
                if not math.isfinite(each):
                    return False
            elif each is not None and kind is not bool:
                return False
        if numbers and keys > MAX_KEYS:
            return False
        if not inner:
            return True
        level = inner
    return False


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(value: Any, at: str, depth: int, numbers: bool, budget: list[int]) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(f"{at} is nested deeper than {MAX_DEPTH} levels", code="too_deep", at=at)
    if isinstance(value, str):
        check_text(value, at)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if numbers and abs(value) > MAX_INT:
            raise Invalid(
                f"{at} is an integer past 2^53, which JSON clients round; send it as text", code="big_int", at=at
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid(f"{at} is not a finite number", code="not_finite", at=at)
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            budget[0] -= numbers
            if budget[0] < 0:
                raise TooLarge(f"{at} has more than {MAX_KEYS} keys", code="too_many_keys", at=at)
            check_text(key, f"a key of {at}")
            _walk(inner, f"{at}.{key}", depth + 1, numbers, budget)
    elif isinstance(value, Sequence):
        for index, inner in enumerate(cast("Sequence[Any]", value)):
            _walk(inner, f"{at}[{index}]", depth + 1, numbers, budget)
    else:
        raise Invalid(f"{at} is not JSON", code="not_json", at=at)
