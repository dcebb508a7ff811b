"""Failures as servers made with FastAPI tell them: `detail` is what the client's exception says."""

from typing import Any

import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.exchange import Reply


def failed(error: GatewayError, request_id: str) -> Reply:
    return told(error.status, error.detail, error.code, request_id)


def told(status: int, detail: str, code: str, request_id: str) -> Reply:
    body: dict[str, Any] = {"detail": detail, "code": code, "request_id": request_id}
    return Reply(status=status, content=msgspec.json.encode(body))
