"""Every error as `application/problem+json` (RFC 9457), with a stable code. The one shape of failure of this face."""

import logging
from typing import Any, Final

import msgspec

from gateway.domain.errors import Broken, GatewayError

TYPE: Final = b"application/problem+json"

_log = logging.getLogger("gateway.http")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`code` is stable; `detail` is for people; `at` names the part of the request that is meant."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    at: str = ""
    request_id: str = ""


def problem(error: BaseException, request_id: str) -> tuple[GatewayError, bytes]:
    known = shown(error, request_id)
    return known, written(known, request_id)


def shown(error: BaseException, request_id: str) -> GatewayError:
    """The error as it may be shown. What is not ours is logged with its trace, and shown as nothing but its id."""
    if isinstance(error, GatewayError):
        return error
    _log.error("unexpected error", exc_info=error, extra={"request_id": request_id})
    return Broken("something went wrong on our side; the log has it under this request id", code="internal")


def written(error: GatewayError, request_id: str) -> bytes:
    return _encode(
        Problem(
            type="about:blank",
            title=error.title,
            status=error.status,
            code=error.code,
            detail=error.detail,
            at=error.at,
            request_id=request_id,
        )
    )


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
