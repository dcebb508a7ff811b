"""Every way a call can fail. Each carries what the gateway said: its stable `code`, `detail`, and the request's id.

GatewayError
├── Invalid           422  well formed, and not acceptable
│   └── Malformed     400  not readable, or without a part that its route needs
├── Unauthenticated   401  no credential, or one that is not known
├── Forbidden         403  a known caller without the right
├── NotFound          404  absent, or somebody else's
├── Conflict          409  a newer version is there, or the route does not hold this kind
├── TooLarge          413  over a declared limit
├── Faulty            500  the gateway's own fault, or stored data that was tampered with
└── Away                   may pass: these are tried again, and `on_read_error` is about these
    ├── TooMany       429  over a declared rate
    ├── Unavailable   503  a backend, or the gateway itself, does not answer now
    ├── TooLate       504  the time ran out: the route's, or the deadline of this client
    └── Unreachable    --  no answer came at all; what was asked may have been done or not
"""

from typing import Final

import msgspec


class GatewayError(Exception):
    """The root; raised itself only for a status that nothing below stands for."""

    def __init__(
        self, detail: str, *, code: str = "", status: int = 0, at: str = "", request_id: str = "", path: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status  # 0 where there was no answer
        self.at = at  # the part of the request that is meant
        self.request_id = request_id
        self.path = path  # which operation it was, without ids

    def __str__(self) -> str:
        named = f"{self.code}: {self.detail}" if self.code else self.detail
        return f"{named} (request {self.request_id})" if self.request_id else named


class Invalid(GatewayError):
    pass


class Malformed(Invalid):
    pass


class Unauthenticated(GatewayError):
    pass


class Forbidden(GatewayError):
    pass


class NotFound(GatewayError):
    pass


class Conflict(GatewayError):
    pass


class TooLarge(GatewayError):
    pass


class Faulty(GatewayError):
    pass


class Away(GatewayError):
    """Not now. `retry_after` is how many seconds the gateway asked to wait, 0 where it did not."""

    retry_after: float = 0.0


class TooMany(Away):
    pass


class Unavailable(Away):
    pass


class TooLate(Away):
    pass


class Unreachable(Away):
    pass


_BY_STATUS: Final[dict[int, type[GatewayError]]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
    500: Faulty,
    502: Unavailable,
    503: Unavailable,
    504: TooLate,
}


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""
    at: str = ""
    request_id: str = ""


_PROBLEM: Final = msgspec.json.Decoder(_Problem)


def error_of(status: int, body: bytes, request_id: str, path: str) -> GatewayError:
    """The error that a reply stands for; a reply that is not the gateway's own (a proxy's) keeps its status."""
    try:
        problem = _PROBLEM.decode(body)
    except msgspec.MsgspecError:
        problem = _Problem()
    made = _BY_STATUS.get(status, Faulty if status >= 500 else GatewayError)
    return made(
        problem.detail or f"the gateway answered {status}",
        code=problem.code or f"http_{status}",
        status=status,
        at=problem.at,
        request_id=problem.request_id or request_id,
        path=path,
    )
