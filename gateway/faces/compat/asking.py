"""Bodies and queries of requests, read into the structs that say what is known; anything else is refused.

A field that nobody knows is never taken to mean nothing: a filter that is not understood would find or delete too much.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from gateway.domain.errors import Invalid, Malformed

_FIELDS: Final = 2000
Request = TypeVar("Request")


def body_of(body: bytes, kind: type[Request]) -> Request:
    """The request in the body; Malformed where it is no JSON, Invalid where it is not of this kind."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Invalid(_words(error), code="invalid_request") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}", code="bad_json") from None


def query_of(query: bytes, kind: type[Request], several: Collection[str] = ()) -> Request:
    """The parameters, each given once, but for those that may come several times."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise Malformed("the query string is not readable", code="bad_query") from None
    values: dict[str, str | Sequence[str]] = {
        name: [value for other, value in pairs if other == name] for name in dict(pairs) if name in several
    }
    once = [pair for pair in pairs if pair[0] not in several]
    if len(dict(once)) != len(once):
        raise Malformed("a parameter is given twice", code="bad_query")
    return request_of(kind, {**values, **dict(once)})


def request_of(kind: type[Request], values: Mapping[str, Any]) -> Request:
    try:
        return msgspec.convert(dict(values), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(_words(error), code="invalid_request") from None


def _words(error: msgspec.ValidationError) -> str:
    return str(error).replace(" - at `$.", " in `")
