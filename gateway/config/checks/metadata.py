"""`metadata_schema` must itself be a JSON Schema, and say everything itself: nothing is fetched."""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Where


def metadata_schemas(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        schema = layer.metadata_schema
        if schema is None:
            continue
        try:
            validator_for(schema).check_schema(schema)
        except SchemaError as error:
            steps: Where = tuple(error.absolute_path)
            at = unit.mark(*where, "metadata_schema", *steps)
            what = f"metadata_schema: {'.'.join(map(str, steps)) or 'the schema'} is not valid JSON Schema"
            yield found("MG0403", at, what, f"see the keyword {error.validator!r} of JSON Schema 2020-12")
            continue
        for place in _remote(schema, ()):
            at = unit.mark(*where, "metadata_schema", *place)
            yield found("MG0403", at, "metadata_schema refers to something outside", "refer to #/$defs/... only")


def _remote(node: Any, where: Where) -> Iterator[Where]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
                yield (*where, key)
            yield from _remote(value, (*where, key))
    elif isinstance(node, list):
        for index, value in enumerate(cast("list[Any]", node)):
            yield from _remote(value, (*where, index))
