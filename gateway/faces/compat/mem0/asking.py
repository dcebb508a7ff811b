"""Bodies and queries of mem0's clients, read into plain mappings whose every key is known, or refused."""

import ast
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeGuard, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec

from gateway.domain.errors import Invalid, Malformed

ENTITIES: Final = {"user_id": "user", "agent_id": "agent", "run_id": "run"}
PROJECT: Final = frozenset({"org_id", "project_id"})  # the credential alone says whose memories are meant
_LITERAL: Final = 10_000  # characters of a Python literal that are read
_FIELDS: Final = 100
Request = TypeVar("Request")


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def body_of(body: bytes, known: Collection[str]) -> dict[str, Any]:
    """The object in the body; a key that nobody here knows is refused, rather than taken to mean nothing."""
    try:
        read = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}", code="bad_json") from None
    if not isinstance(read, dict):
        raise Malformed("the body is not a JSON object", code="bad_json")
    return _checked(cast("dict[str, Any]", read), known)


def query_of(query: bytes, known: Collection[str]) -> dict[str, Any]:
    """The parameters, each given once."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise Malformed("the query string is not readable", code="bad_query") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Malformed("a parameter is given twice", code="bad_query")
    return _checked(values, known)


def _checked(values: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    for name in values:
        if name not in known and name not in PROJECT:
            raise Malformed(f"{name!r} is not known here", code="unknown_parameter", at=name)
    return {name: value for name, value in values.items() if value is not None or name == "expiration_date"}


def mapping_of(text: str, at: str) -> dict[str, Any]:
    """An object in a query parameter: JSON, or what Python prints for a dict, as mem0's own client sends it.

    Only literals are read, nothing is run. What is neither is refused: a filter that is not understood is not none.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _literal(text)
    if not isinstance(value, dict) or not value:
        raise Malformed(
            f"{at} is neither a JSON object nor a Python dict with anything in it", code="bad_filter", at=at
        )
    return cast("dict[str, Any]", value)


def _literal(text: str) -> Any:
    if len(text) > _LITERAL:
        return None
    try:
        value: Any = ast.literal_eval(text)
        if msgspec.json.decode(msgspec.json.encode(value)) != value:  # sets and bytes are no JSON
            return None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value


def request_of(kind: type[Request], values: Mapping[str, Any]) -> Request:
    """A service's request, by its own rules."""
    try:
        return msgspec.convert(dict(values), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(str(error).replace(" - at `$.", " in `"), code="invalid_request") from None


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A text, "" where there is none."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{name} is not a text", code="invalid_request", at=name)
    return value


def number_of(values: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """A whole number from 1 on, never more than `most`."""
    value = values.get(name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise Invalid(f"{name} is not a number from 1 on", code="invalid_request", at=name)
    return min(number, most)
