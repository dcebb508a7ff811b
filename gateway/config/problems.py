"""A schema's verdict on a tree, taken apart into single problems with exact paths.

jsonschema says that "no form fits"; here the form that was meant is picked by the kind of the value, and its own
problems are told instead.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec
from jsonschema import Draft202012Validator, ValidationError, validators

from gateway.config.dialect import SECRET, Schema
from gateway.config.located import Where

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._:,\[\]/-]*")  # without user, query or escapes
OWN: Final = "patternProperties"  # not a problem: a key of the writer's own, found where the language would be strict


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`where` is what is wrong: for an unknown key the key, for a missing one the mapping that lacks it."""

    where: Where
    keyword: str
    wanted: Any  # the value of the keyword in the schema
    given: Any
    schema: Schema
    name: str = ""  # of the missing key


def problems_of(validator: Any, tree: Any) -> list[Problem]:
    return [problem for error in validator.iter_errors(tree) for problem in _spread(error, ())]


def kinds(schema: Schema, root: Schema) -> set[str]:
    """The kinds of values a form is for."""
    if "$ref" in schema:
        return kinds(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "type" in schema:
        named = schema["type"]
        return {named} if isinstance(named, str) else set(named)
    if "enum" in schema:
        return {kind_of(each) for each in schema["enum"]}
    return {kind for branch in schema.get("anyOf", ()) for kind in kinds(branch, root)}


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _spread(error: ValidationError, above: Where) -> Iterator[Problem]:
    where = (*above, *error.relative_path)
    schema = cast("Schema", error.schema)
    if error.validator == "anyOf":
        forms: dict[int, list[ValidationError]] = {}
        for inner in error.context or ():
            forms.setdefault(int(cast("int", inner.relative_schema_path[0])), []).append(inner)
        for errors in forms.values():
            if not any(each.validator == "type" and not each.relative_path for each in errors) and not _other_kind(
                errors
            ):
                for each in errors:
                    yield from _spread(each, where)
                return
    name = error.message if error.validator == "required" else ""
    yield Problem(
        where=where,
        keyword=str(error.validator),
        wanted=error.validator_value,
        given=error.instance,
        schema=schema,
        name=name,
    )


def _other_kind(errors: list[ValidationError]) -> bool:
    """Whether a form is a choice of words and the value is no word at all."""
    return any(
        each.validator == "enum"
        and not each.relative_path
        and kind_of(each.instance) not in {kind_of(word) for word in cast("list[Any]", each.validator_value)}
        for each in errors
    )


def _required(_: Any, names: list[str], value: Any, __: Schema) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        yield from (ValidationError(name) for name in names if name not in value)


def _additional(validator: Any, allowed: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    mapping = cast("dict[str, Any]", value)
    known = schema.get("properties", {})
    own = tuple(schema.get("patternProperties", ()))
    for key, inner in mapping.items():
        if key in known or any(re.search(pattern, key) for pattern in own):
            continue
        if allowed is False:
            yield ValidationError("unknown", path=(key,), instance=inner)
        elif isinstance(allowed, dict):
            yield from validator.descend(inner, allowed, path=key)


def _own(_: Any, patterns: Schema, value: Any, schema: Schema) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for key in cast("dict[str, Any]", value):
            if key not in schema.get("properties", {}) and any(re.search(pattern, key) for pattern in patterns):
                yield ValidationError("own", path=(key,))


def _names(validator: Any, names: Schema, value: Any, _: Schema) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for key in cast("dict[str, Any]", value):
            if not validator.evolve(schema=names).is_valid(key):
                yield ValidationError("name", path=(key,))


def _secret(_: Any, __: Any, value: Any, ___: Schema) -> Iterator[ValidationError]:
    """Every secret is reported, except an address that holds no credential; whether it came from a reference is known
    by who asked."""
    if isinstance(value, str) and not _ADDRESS.fullmatch(value):
        yield ValidationError("secret")


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_extend: Final[Any] = validators.extend  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- partial stubs

Dialect: Final[Any] = _extend(
    Draft202012Validator,
    {
        "required": _required,
        "additionalProperties": _additional,
        "patternProperties": _own,
        "propertyNames": _names,
        SECRET: _secret,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
