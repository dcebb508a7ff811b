"""JSON-RPC 2.0 as the Model Context Protocol uses it: what is asked, and the shapes of answers and failures."""

from typing import Any, Final

import msgspec

from gateway.domain.errors import GatewayError, Malformed

PARSE: Final = -32700
INVALID: Final = -32600
UNKNOWN: Final = -32601
PARAMS: Final = -32602
REFUSED: Final = -32000  # the first of those that are the server's own


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Without an id it is a notification, which nobody answers. Without a method it is an answer, to nothing we asked."""

    id: int | str | None = None
    method: str = ""
    params: dict[str, Any] = {}


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: int
    message: str
    data: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    jsonrpc: str = msgspec.field(default_factory=lambda: "2.0")  # a default that is made is never left out
    id: int | str | None
    result: Any = None
    error: Fault | None = None


class Misused(Exception):
    """A call that is no business of any tool."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(code=code, message=message)


_calls = msgspec.json.Decoder(Call | list[Call])


def read(body: bytes) -> Call | list[Call]:
    """One call or a batch of them; Malformed where it is neither."""
    try:
        return _calls.decode(body)
    except msgspec.ValidationError as error:
        raise Malformed(f"this is no JSON-RPC call: {error}", code="bad_rpc") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the body is not JSON", code="bad_json") from None


def refusal(error: GatewayError, request_id: str) -> Answer:
    code = {"bad_json": PARSE, "bad_rpc": INVALID}.get(error.code, REFUSED)
    return Answer(
        id=None, error=Fault(code=code, message=error.detail, data={"code": error.code, "request_id": request_id})
    )
