"""In which order keys stand: as the models declare them, own keys of a mapping before those that every layer has.

Names that the writer chose (tenants, routes, labels) stay in the writer's order.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import msgspec

from gateway.config import model
from gateway.config.cases import model as cases
from gateway.config.dialect import Schema
from gateway.config.located import Where
from gateway.config.spelling import KEYS

_FIRST: Final = ("id",)
_LAST: Final = ("routes", "labels")


def wanted_orders(tree: Any, schema: Schema) -> Iterator[tuple[Where, list[str]]]:
    """Every mapping whose keys are the language's, with all its keys in the order they should have."""
    yield from _walk(tree, schema, schema, ())


def _walk(value: Any, schema: Schema, root: Schema, where: Where) -> Iterator[tuple[Where, list[str]]]:
    if isinstance(value, list):
        for number, each in enumerate(cast("list[Any]", value)):
            yield from _walk(each, _shape(schema.get("items", {}), each, root), root, (*where, number))
        return
    if not isinstance(value, dict):
        return
    mapping = cast("dict[str, Any]", value)
    properties: Schema = schema.get("properties", {})
    if properties:
        yield where, _sorted(list(mapping), _known(schema))
    for key, each in mapping.items():
        inner: Any = properties.get(key, schema.get("additionalProperties"))
        if isinstance(inner, dict):
            yield from _walk(each, _shape(cast("Schema", inner), each, root), root, (*where, key))


def _shape(schema: Schema, value: Any, root: Schema) -> Schema:
    """What a value must look like: references followed, the form picked that is meant, a plugin by its type."""
    if "$ref" in schema:
        return _shape(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    for branch in schema.get("anyOf", ()):
        form = _shape(branch, value, root)
        if form.get("type") == ("object" if isinstance(value, dict) else "array"):
            return form
    kind: Any = cast("dict[str, Any]", value).get("type") if isinstance(value, dict) else None
    for pick in schema.get("allOf", ()):
        if pick["if"]["properties"]["type"]["const"] == kind:
            return _shape(pick["then"], value, root)
    return schema


def _known(schema: Schema) -> list[str]:
    title = str(schema.get("title", ""))
    declared: Any = getattr(model, title, None) or getattr(cases, title, None)
    properties = list(schema["properties"])
    if declared is None and title.startswith("Memory Gateway"):
        declared = _root(properties)
    if isinstance(declared, type):
        own = _declared(declared)
        twins = {name: KEYS.get(name) or name for name in properties}  # another spelling stands where its key would
        places = {name: own.index(twin) for name, twin in twins.items() if twin in own}
        properties.sort(key=lambda name: places.get(name, len(own)))
    elif "type" in properties:  # a plugin: its own options before what all of its kind have
        common = [name for name in ("embedder", "required", "guard", "labels") if name in properties]
        properties = [name for name in properties if name not in common] + common
    first = [name for name in _FIRST if name in properties]
    last = [name for name in _LAST if name in properties and isinstance(declared, type)]
    return [*first, *(name for name in properties if name not in (*first, *last)), *last]


def _declared(kind: type[Any]) -> list[str]:
    """The keys of a mapping: what its own class declares, then what it takes from those it extends."""
    written: dict[str, str] = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return [written[name] for each in kind.__mro__ for name in vars(each).get("__annotations__", ()) if name in written]


def _root(properties: Sequence[str]) -> type[Any]:
    if "cases" in properties:
        return cases.CaseFile
    return model.TenantFile if "tenant" in properties else model.GatewayFile


def _sorted(keys: list[str], known: Sequence[str]) -> list[str]:
    """Known keys first, in their order; the writer's own after them, in theirs."""
    return sorted(keys, key=lambda key: known.index(key) if key in known else len(known))
