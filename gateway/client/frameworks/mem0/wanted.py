"""What mem0 takes and what it refuses, in its own words, before anything is sent."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

OWNERS: Final = ("user_id", "agent_id", "run_id")
_JOINED: Final = ("AND", "OR", "NOT")
_BESIDE: Final = frozenset({*OWNERS, "app_id", "created_at", "updated_at", "categories", "metadata", "keywords"})


def owners(given: Mapping[str, Any]) -> dict[str, str]:
    """The owners named, as texts without blanks around; ValueError for one that is empty or has blanks in it."""
    found: dict[str, str] = {}
    for name in OWNERS:
        if given.get(name) is None:
            continue
        value = str(given[name]).strip()
        if not value:
            raise ValueError(f"Invalid {name}: cannot be empty or whitespace-only. Provide a valid identifier.")
        if any(map(str.isspace, value)):
            raise ValueError(f"Invalid {name}: cannot contain whitespace. Provide a valid identifier without spaces.")
        found[name] = value
    return found


def checked_filters(filters: Mapping[str, Any] | None, given: Mapping[str, Any], method: str) -> dict[str, Any]:
    """With owners made plain; ValueError where none is named, or one beside the filters."""
    beside = sorted(set(given) & set(OWNERS))
    if beside:
        raise ValueError(
            f"Top-level entity parameters {beside} are not supported in {method}(). "
            "Use filters={'user_id': '...'} instead."
        )
    if given:
        raise TypeError(f"{method}() got an unexpected keyword argument {next(iter(given))!r}")
    wanted = dict(filters or {})
    plain = {name: value for name, value in wanted.items() if name in OWNERS and isinstance(value, str | int)}
    wanted |= owners(plain)
    if not any(wanted.get(name) for name in OWNERS):
        raise ValueError(
            "filters must contain at least one of: user_id, agent_id, run_id. Example: filters={'user_id': 'u1'}"
        )
    return wanted


def with_metadata(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The same filters as mem0's platform has them: what is the caller's own stands under `metadata`."""
    told: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in filters.items():
        if name in _JOINED:
            parts: Sequence[Any] = cast("Sequence[Any]", value) if isinstance(value, list) else [value]
            told[name] = [with_metadata(each) for each in parts]
        elif name in _BESIDE:
            told[name] = value
        else:
            own[name] = value
    if own:
        told["metadata"] = {**told.get("metadata", {}), **own}
    return told


def checked_numbers(top_k: int, threshold: float | None = None) -> None:
    if isinstance(top_k, bool) or not isinstance(top_k, int):  # pyright: ignore[reportUnnecessaryIsInstance] - of anybody
        raise ValueError("top_k must be a valid integer")
    if top_k < 0:
        raise ValueError(f"Invalid top_k: {top_k}. Must be a non-negative integer.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"Invalid threshold: {threshold}. Must be between 0 and 1 (inclusive).")


def unowned() -> Exception:
    """mem0's own exception where its package is in use, for only then can somebody be waiting for it; else ValueError."""
    text = "At least one of 'user_id', 'agent_id', or 'run_id' must be provided."
    theirs = getattr(sys.modules.get("mem0.exceptions"), "ValidationError", None)
    return ValueError(text) if theirs is None else theirs(message=text, error_code="VALIDATION_001")
