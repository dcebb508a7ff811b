"""Failures as mem0's clients read them: they raise the exception that belongs to the status, with `detail` as its text."""

from typing import Any, Final

import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.exchange import Reply, Wire

_TOO_MANY: Final = 429
_UNACCEPTABLE: Final = 422


def failed(error: GatewayError, request_id: str) -> Reply:
    """What cannot be accepted is a bad request to them."""
    status = 400 if error.status == _UNACCEPTABLE else error.status
    return told(status, error.detail, error.code, request_id, _limits(error) if status == _TOO_MANY else ())


def told(status: int, detail: str, code: str, request_id: str, headers: Wire = ()) -> Reply:
    """An error in mem0's shape: some of its clients read `detail`, some `error`."""
    body: dict[str, Any] = {"detail": detail, "error": detail, "code": code, "request_id": request_id}
    return Reply(status=status, content=msgspec.json.encode(body), headers=headers)


def _limits(error: GatewayError) -> Wire:
    """Nothing is left, until when; the limit where it is known."""
    known = {name.lower(): value for name, value in error.headers.items()}
    names = {"limit": known.get("ratelimit-limit"), "remaining": "0", "reset": known.get("retry-after")}
    return tuple((f"x-ratelimit-{name}".encode(), value.encode()) for name, value in names.items() if value)
