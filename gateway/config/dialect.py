"""Plain JSON Schema, as msgspec writes it, to the dialect of the config language. Pure functions over schemas.

Adds what types cannot say: defaults made by factories, other spellings, own keys (`x-`), references in place of values.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

import msgspec

from gateway.config.spelling import KEYS
from gateway.domain.units import DURATION_PATTERN, IMPORT_PATTERN, SIZE_PATTERN, Duration, ImportPath, Secret, Size

Schema: TypeAlias = dict[str, Any]

SECRET: Final = "x-mg-secret"  # noqa: S105 -- the name of a mark in the schemas
OWN_KEYS: Final = "^x-"
REFERENCE: Final[Schema] = {"type": "string", "pattern": r"\$\{", "description": "A reference to the value."}
_REF: Final = "#/$defs/"


def unit_schema(kind: type[Any]) -> Schema:
    """What the quantities of the language look like; NotImplementedError for a type that is none."""
    if kind is Duration:
        return {"type": "string", "pattern": DURATION_PATTERN, "examples": ["800ms", "30s", "24h", "7d"]}
    if kind is Size:
        return {"type": "string", "pattern": SIZE_PATTERN, "examples": ["512kB", "16MiB"]}
    if kind is ImportPath:
        return {"type": "string", "pattern": IMPORT_PATTERN, "examples": ["package.module:name"]}
    if kind is Secret:
        return {"type": "string", SECRET: True, "examples": ["${env:NAME}", "${file:path}"]}
    raise NotImplementedError


def unit_text(value: Any) -> str:
    """A quantity as it is written; a default that is a secret is none of anybody's business."""
    if isinstance(value, Duration | Size):
        return value.text
    if isinstance(value, ImportPath):
        return repr(value)
    raise NotImplementedError


def components(types: list[type[Any]], prefix: str = "") -> dict[str, Schema]:
    """The definitions of these structs and all they use, under their names with the prefix before each."""
    _, raw = msgspec.json.schema_components(types, schema_hook=unit_schema, ref_template=_REF + prefix + "{name}")
    known = {each.__name__: each for each in _structs(types)}
    out: dict[str, Schema] = {}
    for name, definition in raw.items():
        if kind := known.get(name):
            _factories(definition, kind)
        out[prefix + name] = _plain(definition)
    return out


def _structs(types: list[type[Any]]) -> Iterator[type[msgspec.Struct]]:
    """The structs in these types, found through the inspected fields, each once."""
    seen = set[int]()
    queue: list[Any] = [msgspec.inspect.type_info(each) for each in types]
    while queue:
        info = queue.pop()
        if isinstance(info, msgspec.inspect.StructType):
            kind = info.cls
            if id(kind) in seen:
                continue
            seen.add(id(kind))
            yield kind
            queue += [field.type for field in info.fields]
        for part in ("type", "item_type", "key_type", "value_type"):
            inner = getattr(info, part, None)
            queue += [] if inner is None else [inner]
        for part in ("types", "item_types"):
            queue += getattr(info, part, ())


def _factories(definition: Schema, kind: type[msgspec.Struct]) -> None:
    """Write down the defaults that are made by a factory, where they have a written form."""
    for field in msgspec.structs.fields(kind):
        if field.default_factory is msgspec.NODEFAULT:
            continue
        try:
            default = msgspec.to_builtins(field.default_factory(), enc_hook=unit_text)
        except (NotImplementedError, TypeError):
            continue
        definition["properties"][field.encode_name].setdefault("default", default)


def _plain(node: Any) -> Any:
    """Lists for tuples, one type list in place of `anyOf: [X, null]`, own keys in closed mappings, other spellings."""
    if isinstance(node, list | tuple):
        return [_plain(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema: Schema = {key: _plain(value) for key, value in cast("Schema", node).items()}
    schema = _nullable(schema)
    if schema.get("required") == []:
        del schema["required"]
    if schema.get("additionalProperties") is False:
        schema["patternProperties"] = {OWN_KEYS: {}}
        if schema.get("title") == "Retrieval":
            for other, name in KEYS.items():
                copy = {key: value for key, value in schema["properties"][name].items() if key != "default"}
                schema["properties"][other] = copy | {"description": f"The same as `{name}`."}
    return schema


def _nullable(schema: Schema) -> Schema:
    branches = schema.get("anyOf")
    if not isinstance(branches, list):
        return schema
    rest = [each for each in cast("list[Schema]", branches) if each != {"type": "null"}]
    if len(rest) != 1 or len(rest) == len(cast("list[Any]", branches)):
        return schema
    only = rest[0]
    if not isinstance(only.get("type"), str):
        return schema
    outer = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**only, "type": [only["type"], "null"], **outer}


def with_references(node: Any) -> Any:
    """The published form: whatever is not free text may also be a reference, which editors then accept."""
    if isinstance(node, list):
        return [with_references(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    if _is_scalar(schema):
        told = {key: schema[key] for key in ("description", "default", "title") if key in schema}
        bare = {key: value for key, value in schema.items() if key not in told}
        return {**told, "anyOf": [bare, REFERENCE]}
    return {
        key: {name: with_references(each) for name, each in cast("Schema", value).items()}
        if key in ("properties", "$defs")
        else with_references(value)
        if key in ("items", "additionalProperties", "anyOf", "allOf", "then")
        else value
        for key, value in schema.items()
    }


def _is_scalar(schema: Schema) -> bool:
    """Whether it is a single value of a form that a `${...}` text would not have."""
    if SECRET in schema or "const" in schema:
        return False
    kinds = schema.get("type", [])
    named = {kinds} if isinstance(kinds, str) else set(cast("list[str]", kinds))
    if named & {"integer", "number", "boolean"} or "enum" in schema:
        return True
    return "string" in named and "pattern" in schema
