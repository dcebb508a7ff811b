"""What went wrong in PostgreSQL or on the way there, in the gateway's words: never addresses, statements or contents.

Errors are told by their SQLSTATE, so nothing here needs the driver.
"""

from typing import Final

from gateway.domain.errors import GatewayError, Invalid, Unavailable

_WORDS: Final = {
    "53100": ("postgres_full", "the server's disk is full"),
    "53200": ("postgres_memory", "the server ran out of memory"),
    "53300": ("postgres_busy", "the server takes no more connections; lower `pool_size` or raise max_connections"),
    "55P03": ("postgres_busy", "another process held a lock for too long"),
    "57P01": ("postgres_stopping", "the server is stopping"),
    "57P02": ("postgres_stopping", "the server crashed"),
    "57P03": ("postgres_starting", "the server is not ready yet"),
    "57014": ("postgres_timeout", "a statement took too long"),
    "25006": ("postgres_read_only", "the server is read-only"),
    "28000": ("postgres_credentials", "the server refuses the user"),
    "28P01": ("postgres_credentials", "the server refuses the password"),
    "3D000": ("postgres_no_database", "the database does not exist"),
    "3F000": ("postgres_no_schema", "the schema of `table` does not exist"),
    "42501": ("postgres_rights", "the user lacks a right; the table's owner must start the gateway first"),
    "40P01": ("postgres_contended", "writes kept getting in each other's way"),
    "40001": ("postgres_contended", "writes kept getting in each other's way"),
}
_ROLLED_BACK: Final = frozenset({"40P01", "40001"})


def state(error: BaseException) -> str:
    """The SQLSTATE; empty for errors that carry none."""
    return str(getattr(error, "sqlstate", None) or "")


def was_undone(error: BaseException) -> bool:
    """Whether the server has rolled the whole transaction back, only because of others': it may be done again."""
    return state(error) in _ROLLED_BACK


def in_words(error: Exception, name: str) -> Exception:
    """The error to raise for one that came up while talking to the server. Errors of ours pass unchanged."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return Invalid(f"{name}: a value has no form that the table could hold", code="not_portable")
    if isinstance(error, TimeoutError):
        return Unavailable(f"{name}: the server did not answer in time", code="postgres_timeout")
    if isinstance(error, OSError):
        return Unavailable(f"{name}: the server cannot be reached", code="postgres_unreachable")
    if not type(error).__module__.startswith("asyncpg"):
        return error
    code = state(error)
    if code in _WORDS:
        word, said = _WORDS[code]
        return Unavailable(f"{name}: {said}", code=word)
    if code.startswith(("22", "54")):
        return Invalid(f"{name}: a value has no form that the table could hold", code="not_portable")
    if code.startswith("08") or not code:
        return Unavailable(f"{name}: the connection to the server broke", code="postgres_unreachable")
    return Unavailable(f"{name}: the server refused a statement (SQLSTATE {code})", code="postgres_failed")
