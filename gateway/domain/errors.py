"""Every way a request or a configuration can fail.

    GatewayError
    ├── Invalid            422  the request is well formed and cannot be accepted
    │   └── Malformed      400  the request cannot be read, or lacks a part its route needs
    ├── Unauthenticated    401  no credential, or one we do not know
    ├── Forbidden          403  a known caller without the right
    ├── NotFound           404  absent, or somebody else's: the two are never told apart
    ├── NotAllowed         405  a method this path does not have
    ├── Conflict           409  a newer version is already there, or the route does not hold this kind
    ├── TooLarge           413  over a declared limit
    ├── TooMany            429  over a declared rate
    ├── Unavailable        503  a backend did not answer
    ├── DeadlineExceeded   504  the request's time ran out
    ├── Tampered           500  stored data is not what was written
    ├── Broken             500  a bug of ours; the reply says nothing more
    └── Misconfigured      --   start-up only; carries the diagnostics

`code` is stable and documented; `detail` is for people. Neither may ever hold contents or secrets.
"""

from collections.abc import Mapping
from typing import ClassVar


class GatewayError(Exception):
    """The root: never raised itself."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"
    default_code: ClassVar[str] = "error"

    def __init__(self, detail: str, *, code: str = "", at: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.at = at  # JSON pointer or parameter name of the offending part
        self.headers = dict(headers or {})


class Invalid(GatewayError):
    status, title, default_code = 422, "Unprocessable content", "invalid"


class Malformed(Invalid):
    status, title, default_code = 400, "Bad request", "malformed"


class Unauthenticated(GatewayError):
    status, title, default_code = 401, "Unauthenticated", "unauthenticated"


class Forbidden(GatewayError):
    status, title, default_code = 403, "Forbidden", "forbidden"


class NotFound(GatewayError):
    status, title, default_code = 404, "Not found", "not_found"


class NotAllowed(GatewayError):
    status, title, default_code = 405, "Method not allowed", "method_not_allowed"


class Conflict(GatewayError):
    status, title, default_code = 409, "Conflict", "conflict"


class TooLarge(GatewayError):
    status, title, default_code = 413, "Content too large", "too_large"


class TooMany(GatewayError):
    status, title, default_code = 429, "Too many requests", "too_many"


class Unavailable(GatewayError):
    status, title, default_code = 503, "Unavailable", "unavailable"


class DeadlineExceeded(GatewayError):
    status, title, default_code = 504, "Deadline exceeded", "deadline_exceeded"


class Tampered(GatewayError):
    status, title, default_code = 500, "Stored data damaged", "tampered"


class Broken(GatewayError):
    status, title, default_code = 500, "Internal error", "internal"


class Misconfigured(GatewayError):
    status, title, default_code = 500, "Misconfigured", "misconfigured"
