"""The filters of mem0's hosted platform: AND, OR, NOT, the ids of entities, `*`, and one metadata key each."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

ENTITIES = ("user_id", "agent_id", "app_id", "run_id")
Marked = Mapping[tuple[str, str], Iterable[str]]  # ids by a key and the JSON of its value


class Refused(Exception):
    """The platform answers 400."""


def passes(item: dict[str, Any], filters: dict[str, Any]) -> bool:
    return all(_holds(item, key, wanted) for key, wanted in filters.items())


def _holds(item: dict[str, Any], key: str, wanted: Any) -> bool:
    if key == "AND":
        return all(passes(item, each) for each in wanted)
    if key == "OR":
        return any(passes(item, each) for each in wanted)
    if key == "NOT":
        return not any(passes(item, each) for each in wanted)
    if key == "metadata" and len(wanted) == 1:
        return all(item["metadata"].get(name) == value for name, value in wanted.items())
    if key in ENTITIES:
        return item[key] is not None if wanted == "*" else item[key] == wanted
    raise Refused(f"unknown filter {key}")


def candidates(filters: dict[str, Any], marked: Marked, everything: Iterable[str]) -> list[str]:
    """Of the conditions that must all hold, the memories of the rarest: an index, not a rule."""
    best: list[str] | None = None
    for each in filters.get("AND", [filters]):
        ids = _named(each, marked)
        if ids is not None and (best is None or len(ids) < len(best)):
            best = ids
    return list(everything) if best is None else best


def _named(each: dict[str, Any], marked: Marked) -> list[str] | None:
    if set(each) == {"OR"}:
        parts = [_named(part, marked) for part in each["OR"]]
        return None if None in parts else [id_ for part in parts for id_ in part or ()]
    if set(each) == {"metadata"} and len(each["metadata"]) == 1:
        ((key, value),) = each["metadata"].items()
        return list(marked.get((f"metadata.{key}", json.dumps(value)), ()))
    if set(each) == {"user_id"} and each["user_id"] != "*":
        return list(marked.get(("user_id", json.dumps(each["user_id"])), ()))
    return None
