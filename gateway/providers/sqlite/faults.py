"""What went wrong in SQLite, in the gateway's words. Details name the provider, never paths, statements or contents."""

import sqlite3
from typing import Final

from gateway.domain.errors import GatewayError, Invalid, Tampered, Unavailable

_WORDS: Final = {
    sqlite3.SQLITE_FULL: ("sqlite_full", "the disk is full"),
    sqlite3.SQLITE_READONLY: ("sqlite_read_only", "the file cannot be written"),
    sqlite3.SQLITE_PERM: ("sqlite_read_only", "the file cannot be written"),
    sqlite3.SQLITE_CANTOPEN: ("sqlite_cannot_open", "the file cannot be opened"),
    sqlite3.SQLITE_CORRUPT: ("sqlite_damaged", "the file is damaged"),
    sqlite3.SQLITE_NOTADB: ("sqlite_damaged", "the file is not a database"),
    sqlite3.SQLITE_BUSY: ("sqlite_busy", "another process kept the file locked"),
    sqlite3.SQLITE_LOCKED: ("sqlite_busy", "another process kept the file locked"),
    sqlite3.SQLITE_IOERR: ("sqlite_io", "the disk failed"),
    sqlite3.SQLITE_NOMEM: ("sqlite_memory", "memory ran out"),
    sqlite3.SQLITE_TOOBIG: ("sqlite_too_big", "a value is too large for the file"),
}


def primary_code(error: BaseException) -> int:
    """SQLite's result code without its extension; 0 for errors that carry none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def in_words(error: Exception, name: str) -> Exception:
    """The error to raise for one that came up while talking to the file. Errors of ours pass unchanged."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return Invalid(f"{name}: a value has no form that the file could hold", code="not_portable")
    if isinstance(error, OSError):
        return Unavailable(f"{name}: the file cannot be opened ({type(error).__name__})", code="sqlite_cannot_open")
    if not isinstance(error, sqlite3.Error):
        return error
    said = str(error)
    if "malformed JSON" in said or "decode to UTF-8" in said:
        return Tampered(f"{name}: a stored record cannot be read")
    code, words = _WORDS.get(primary_code(error), ("sqlite_failed", "the file cannot be used"))
    return Unavailable(f"{name}: {words}", code=code)
