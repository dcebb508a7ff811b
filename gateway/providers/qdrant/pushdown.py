"""Filters as Qdrant's conditions: what one can say without ever losing a record that passes `matches`.

A condition holds for every record that passes, and for others too: Qdrant looks into lists where the grammar does not,
and compares numbers as floats. So what comes back is tested with `matches`, and nothing is ever negated. None means
that Qdrant cannot tell. Not told are `ne`, `nin`, `exists`, text inside text, folded case, null, lists and objects,
order of texts, and keys that Qdrant's paths would have to quote.
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from qdrant_client import models

from gateway.domain.filters import All, Compare, Filter, Some
from gateway.providers.qdrant.conditions import all_of, equal, named, within
from gateway.providers.qdrant.storing import micros

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SLACK: Final = 1e-12
_MAX_VALUES: Final = 500
_TIMES: Final = {"created_at": "created", "updated_at": "updated", "expires_at": "expires"}
_NOTHING: Final = models.HasIdCondition(has_id=[])


def pushed(test: Filter | None, tenant: str) -> list[models.Condition]:
    """What to ask for beside the reach: nothing where Qdrant cannot tell."""
    told = None if test is None else _told(test, tenant)
    return [] if told is None else [told]


def _told(test: Filter, tenant: str) -> models.Condition | None:
    if isinstance(test, Compare):
        return _compare(test, tenant)
    if isinstance(test, All):
        found = [each for part in test.parts if (each := _told(part, tenant)) is not None]
        return all_of(*found) if found else None
    if isinstance(test, Some):
        return _any([_told(part, tenant) for part in test.parts])
    return None


def _compare(test: Compare, tenant: str) -> models.Condition | None:
    if test.op == "in":
        values = cast("Sequence[Any]", test.value)
        if len(values) > _MAX_VALUES:
            return None
        return _any([_compare(Compare("eq", value, test.field, test.path), tenant) for value in values])
    match test.field:
        case None:
            return _metadata(test)
        case "id":
            return named(tenant, [test.value]) if test.op == "eq" and isinstance(test.value, str) else None
        case "text":
            return equal("content", test.value) if test.op == "eq" and isinstance(test.value, str) else None
        case "role":
            return equal("role", test.value) if test.op == "eq" and isinstance(test.value, str) else None
        case "user" | "agent" | "run":
            return _part(test, test.field)
        case _:
            return _time(test)


def _part(test: Compare, part: str) -> models.Condition | None:
    """A part of the scope, or where it has none what the provenance notes."""
    if test.op != "eq" or not isinstance(test.value, str):
        return None
    return _any([equal(f"{part}_id", test.value), equal(f"provenance.{part}", test.value)])


def _time(test: Compare) -> models.Condition | None:
    if not isinstance(test.value, datetime) or test.value.tzinfo is None:
        return None
    at = micros(test.value)
    return _between(_TIMES[cast("str", test.field)], test.op, at, at)


def _metadata(test: Compare) -> models.Condition | None:
    if not test.path or not all(map(_PLAIN_KEY.fullmatch, test.path)):
        return None
    key, value = ".".join(("metadata", *test.path)), test.value
    match value:
        case bool():
            return equal(key, value) if test.op in ("eq", "contains") else None
        case str():
            return equal(key, value) if test.op == "eq" else None
        case int() | float() if math.isfinite(value) and abs(value) < 1e300:
            # Wider than asked by more than any rounding on the way.
            slack = abs(value) * _SLACK + 5e-300
            return _between(key, test.op, value - slack, value + slack)
        case _:
            return None


def _between(key: str, op: str, low: float, high: float) -> models.Condition | None:
    match op:
        case "eq":
            return within(key, gte=low, lte=high)
        case "gt" | "gte":
            return within(key, gte=low)
        case "lt" | "lte":
            return within(key, lte=high)
        case _:
            return None


def _any(parts: Sequence[models.Condition | None]) -> models.Condition | None:
    told = [part for part in parts if part is not None]
    if len(told) < len(parts):
        return None
    return models.Filter(should=list(told)) if told else _NOTHING
