"""Failures as each API has them, so that a client raises its own exceptions with our words."""

import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.exchange import Reply

_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def openai_failed(error: GatewayError, request_id: str) -> Reply:
    del request_id  # the header has it
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    shown = {"message": error.detail, "type": kind, "param": error.at or None, "code": error.code}
    return Reply(status=error.status, content=msgspec.json.encode({"error": shown}))


def anthropic_failed(error: GatewayError, request_id: str) -> Reply:
    shown = {"type": _ANTHROPIC.get(error.status, "api_error"), "message": f"{error.code}: {error.detail}"}
    body = {"type": "error", "error": shown, "request_id": request_id}
    return Reply(
        status=error.status, content=msgspec.json.encode(body), headers=((b"request-id", request_id.encode()),)
    )
