"""The published description of every operation, from the endpoint table: what the decoders take, bound by bound.

The schemas come from the structs that requests are decoded into, so what is published cannot differ from what is
accepted. Knows nothing of how an operation is served.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar.openapi.spec import OpenAPI

from gateway.faces.http.endpoint import Endpoint, Reader, is_json
from gateway.faces.http.problems import TYPE, Problem
from gateway.services.call import MAX_KEY

_REFERENCE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_KEY: Final = "A repeated request with the same key lands on the first one's records; another request is refused."
_PROBLEMS: Final = {
    400: "Not readable",
    401: "No known credential",
    403: "Not allowed",
    404: "Absent, or somebody else's",
    409: "Conflict",
    413: "Too large",
    422: "Not acceptable",
    500: "Our fault",
    503: "A backend did not answer",
}


def describe(document: OpenAPI, endpoints: Sequence[Endpoint]) -> None:
    """Puts what is known of each endpoint into the document that Litestar made of its handlers."""
    bodies = {each.name: Reader(each).body_type for each in endpoints if each.bodied}
    types: dict[Any, None] = {Problem: None, **dict.fromkeys(bodies.values())}
    for each in endpoints:
        types[each.reply] = None
        types |= {} if each.bodied else dict.fromkeys(field.type for field in each.body_fields())
    shown, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schemas = dict(zip(types, shown, strict=True))
    for each in endpoints:
        operation: Any = getattr((document.paths or {})[each.path], each.method.lower())
        operation.parameters = list(_parameters(each, schemas))
        body = bodies.get(each.name)
        if body is not None:
            needed = any(field.required for field in msgspec.structs.fields(body))
            operation.request_body = {"required": needed, "content": {_JSON: {"schema": schemas[body]}}}
        operation.responses = _responses(each, schemas)
    document.components.schemas = components  # type: ignore[assignment]  # plain JSON is as good as their classes


def _parameters(endpoint: Endpoint, schemas: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    for name in endpoint.path_names():
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for field in () if endpoint.bodied else endpoint.body_fields():
        schema = schemas[field.type]
        told = {"content": {_JSON: {"schema": schema}}} if is_json(field.type) else {"schema": _without_null(schema)}
        yield {"name": field.encode_name, "in": "query", "required": field.required, **told}
    if endpoint.replayable:
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": _KEY, "schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query cannot say null: a parameter is there or is not."""
    some = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return some[0] if len(some) == 1 else schema


def _responses(endpoint: Endpoint, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    done = {_JSON: {"schema": schemas[endpoint.reply]}}
    if endpoint.text is not None:
        done["text/plain"] = {"schema": {"type": "string"}}
    problem = {TYPE.decode(): {"schema": schemas[Problem]}}
    return {
        str(endpoint.status): {"description": "Done", "content": done},
        **{str(status): {"description": text, "content": problem} for status, text in _PROBLEMS.items()},
    }
