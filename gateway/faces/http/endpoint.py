"""One operation on the wire: method, path, and how its request is read and its reply written.

An Endpoint is taken apart once, when the server is built: which fields come from the path, which from the query, and
the decoder of what is left for the body. Serving it is then a few calls, whatever its shape.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec.structs import FieldInfo

from gateway.domain.errors import Invalid, Malformed
from gateway.faces.http.exchange import Exchange
from gateway.runtime.facts import Facts
from gateway.services.call import Operation

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_BODIED: Final = frozenset({"POST", "PUT", "PATCH"})
_SPOKEN: Final = {"session_id": "run_id"}  # what paths call a field: a run of messages is a session


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`path` names fields of the request in braces. `run` says which field is the run, for sessions and runs."""

    method: Method
    path: str
    operation: Operation[Any, Any]
    request: type[Any]
    reply: type[Any]
    summary: str
    status: int = 200
    tag: str = "memories"
    run: str = "run_id"
    text: Callable[[Any, Any], str | None] | None = (
        None  # a plain-text form of the reply, where the request asks for one
    )
    replayable: bool = False  # takes an Idempotency-Key
    id: str = ""  # its name in OpenAPI, where the operation has another endpoint that goes by the operation's name

    @property
    def name(self) -> str:
        """Unlike any other endpoint's."""
        return self.id or self.operation.name

    @property
    def bodied(self) -> bool:
        return self.method in _BODIED

    def path_names(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    def path_fields(self) -> tuple[str, ...]:
        """The fields of the request that the path gives."""
        return tuple(_SPOKEN.get(name, name) for name in self.path_names())

    def body_fields(self) -> tuple[FieldInfo, ...]:
        """What the body (or the query, for methods without one) may hold."""
        named = set(self.path_fields())
        return tuple(field for field in msgspec.structs.fields(self.request) if field.encode_name not in named)


class Reader:
    """Reads the requests of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._path_fields = endpoint.path_fields()
        self.body_type = _struct(endpoint) if self._path_fields and endpoint.bodied else endpoint.request
        self._decoder = msgspec.json.Decoder(self.body_type)
        self._json_fields = {field.encode_name for field in endpoint.body_fields() if is_json(field.type)}
        self._list_fields = {field.encode_name for field in endpoint.body_fields() if _is_list(field.type)}
        self._names = [field.name for field in msgspec.structs.fields(self.body_type)]

    def read(self, body: bytes, query: bytes, path: Mapping[str, str]) -> Any:
        """The request struct, or Malformed (not readable) or Invalid (readable, not acceptable)."""
        path = {_SPOKEN.get(name, name): value for name, value in path.items()}
        try:
            if not self._endpoint.bodied:
                return msgspec.convert({**self._query(query), **path}, self._endpoint.request, strict=False)
            if query:
                raise Invalid("this operation takes no query parameters", code="unknown_parameter")
            read = self._decoder.decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise _invalid(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"the body is not JSON: {error}", code="bad_json") from None
        if not self._path_fields:
            return read
        return self._endpoint.request(**{name: getattr(read, name) for name in self._names}, **path)

    def facts(self, request: Any, exchange: Exchange) -> Facts:
        endpoint = self._endpoint
        return exchange.facts(
            endpoint.operation,
            user=request.user_id or "",
            agent=request.agent_id or "",
            run=getattr(request, endpoint.run) or "",
            route=request.route or "",
            idempotency_key=(exchange.header("idempotency-key") or "") if endpoint.replayable else "",
        )

    def _query(self, query: bytes) -> dict[str, Any]:
        values: dict[str, Any] = {}
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError:
            raise Malformed("the query string is not readable", code="bad_query") from None
        for name, value in pairs:
            if name in self._list_fields:
                values.setdefault(name, []).append(value)
            elif name in values:
                raise Malformed(f"the parameter {name} is given twice", code="bad_query", at=name)
            else:
                values[name] = _json(name, value) if name in self._json_fields else value
        return values


def _invalid(error: msgspec.ValidationError) -> Invalid:
    text, _, at = str(error).partition(" - at `")
    place = at.rstrip("`").removeprefix("$").removeprefix(".")
    return Invalid(f"{place}: {text}" if place else text, code="invalid_request", at=place)


def _json(name: str, value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        raise Malformed(f"the parameter {name} is not JSON", code="bad_query", at=name) from None


def _struct(endpoint: Endpoint) -> type[Any]:
    """The request without its path fields: what the body holds."""
    fields: list[Any] = []
    for field in endpoint.body_fields():
        if field.required:
            fields.append((field.name, field.type))
        elif field.default is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, field.default))
        else:
            fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
    name = "".join(map(str.capitalize, re.split(r"[._]", endpoint.name))) + "Body"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def is_json(kind: Any) -> bool:
    """Whether a query parameter of this type is written as JSON."""
    return "dict" in repr(kind)


def _is_list(kind: Any) -> bool:
    return "list[" in repr(kind) or "tuple[" in repr(kind)
