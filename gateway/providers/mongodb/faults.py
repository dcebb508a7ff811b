"""What went wrong in MongoDB or its driver, in the gateway's words. Details name the provider, never hosts or contents."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

from bson.errors import BSONError, InvalidBSON
from pymongo import errors

from gateway.domain.errors import GatewayError, Invalid, Tampered, TooLarge, Unavailable

DUPLICATE: Final = 11000
CONFLICTS: Final = frozenset({85, 86})  # an index stands in the place of one of ours

_TOO_LARGE: Final = frozenset({10334, 17280, 17419, 17420})
_REFUSED: Final = frozenset({13, 18, 8000})
_SLOW: Final = frozenset({50, 262})


@contextmanager
def told(name: str) -> Generator[None]:
    """Errors of the driver leave as ours. Theirs are not chained: they may quote whole documents."""
    try:
        yield
    except Exception as error:
        ours = in_words(error, name)
        if ours is error:
            raise
        raise ours from None


def in_words(error: Exception, name: str) -> Exception:
    """The error to raise for one that came up while talking to the server. Errors of ours pass unchanged."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, BSONError | UnicodeError | OverflowError | errors.DocumentTooLarge):
        return _of_value(error, name)
    if isinstance(error, errors.InvalidURI | errors.ConfigurationError):
        return Unavailable(f"{name}: the `url` cannot be used by the driver", code="mongodb_url")
    if isinstance(error, errors.NetworkTimeout | errors.WTimeoutError | errors.ExecutionTimeout):
        return Unavailable(f"{name}: the server did not answer in time", code="mongodb_timeout")
    if isinstance(error, errors.ConnectionFailure):
        return Unavailable(f"{name}: the server cannot be reached", code="mongodb_unreachable")
    if isinstance(error, errors.OperationFailure):
        return _of_code(_codes(error), name)
    if isinstance(error, errors.PyMongoError):
        return Unavailable(f"{name}: the driver failed ({type(error).__name__})", code="mongodb_failed")
    return error


def _of_value(error: Exception, name: str) -> GatewayError:
    if isinstance(error, InvalidBSON):
        return Tampered(f"{name}: a stored document cannot be read")
    if isinstance(error, errors.DocumentTooLarge):
        return TooLarge(f"{name}: a record is larger than the 16 MiB of a document")
    return Invalid(f"{name}: a value has no form that the server could hold", code="not_portable")


def _of_code(codes: frozenset[int], name: str) -> GatewayError:
    if codes & _TOO_LARGE:
        return TooLarge(f"{name}: a record is larger than the 16 MiB of a document")
    if codes & _REFUSED:
        return Unavailable(f"{name}: the server refuses the credentials, or they lack a right", code="mongodb_refused")
    if codes & _SLOW:
        return Unavailable(f"{name}: the server did not answer in time", code="mongodb_timeout")
    numbers = ", ".join(map(str, sorted(codes))) or "none"
    return Unavailable(f"{name}: the server refused a command (code {numbers})", code="mongodb_failed")


def _codes(error: errors.OperationFailure) -> frozenset[int]:
    details = cast("dict[str, Any]", error.details or {})
    listed = [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
    return frozenset(each["code"] for each in listed if "code" in each) or frozenset({error.code} - {None})  # type: ignore[arg-type]  # None is taken out
