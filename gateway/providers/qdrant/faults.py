"""What went wrong between here and Qdrant, in the gateway's words. Never the driver's: those may hold addresses and contents."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from sqlite3 import Error as FileError

import httpx
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from gateway.domain.errors import DeadlineExceeded, GatewayError, Invalid, Unavailable


@contextmanager
def told(name: str) -> Generator[None]:
    """Turns what the driver raises within into an error of ours."""
    try:
        yield
    except GatewayError:
        raise
    except UnexpectedResponse as error:
        raise _refusal(name, error.status_code or 0) from error
    except ResponseHandlingException as error:
        raise _silence(name, error.source) from error
    except TimeoutError as error:
        raise _late(name) from error
    except (ApiException, QdrantException) as error:
        raise Unavailable(f"{name}: Qdrant asks for less ({type(error).__name__})", code="qdrant_busy") from error
    except (FileError, OSError, RuntimeError) as error:
        raise Unavailable(f"{name}: the embedded store fails ({type(error).__name__})", code="qdrant_failed") from error
    except UnicodeEncodeError as error:
        raise Invalid(f"{name}: a value has no form that Qdrant could hold", code="not_portable") from error


def is_missing(error: BaseException | None) -> bool:
    """Whether the server said that there is no such collection."""
    return isinstance(error, UnexpectedResponse) and error.status_code == 404


def is_there_already(error: BaseException | None) -> bool:
    """Whether the server, or the embedded store, said that somebody else has just created it."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code == 409 or (error.status_code == 400 and b"already exists" in error.content)
    return isinstance(error, ValueError) and "already exists" in str(error)


def _refusal(name: str, status: int) -> GatewayError:
    match status:
        case 401 | 403:
            return Unavailable(f"{name}: Qdrant does not accept the api_key", code="qdrant_refused")
        case 404:
            return Unavailable(f"{name}: Qdrant does not have the collection any more", code="qdrant_missing")
        case 429:
            return Unavailable(f"{name}: Qdrant asks for less", code="qdrant_busy")
        case _ if status >= 500:
            return Unavailable(f"{name}: Qdrant failed with status {status}", code="qdrant_failed")
        case _:
            return Unavailable(f"{name}: Qdrant refused what it was asked, with status {status}", code="qdrant_refused")


def _silence(name: str, cause: BaseException) -> GatewayError:
    if isinstance(cause, httpx.TimeoutException | asyncio.TimeoutError):
        return _late(name)
    if isinstance(cause, httpx.TransportError):
        return Unavailable(f"{name}: Qdrant cannot be reached ({type(cause).__name__})", code="qdrant_unreachable")
    return Unavailable(f"{name}: Qdrant's answer cannot be read ({type(cause).__name__})", code="qdrant_failed")


def _late(name: str) -> GatewayError:
    return DeadlineExceeded(f"{name}: Qdrant did not answer in time", code="qdrant_timeout")
