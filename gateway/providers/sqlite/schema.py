"""The file: its tables, how a connection to it is set up, and how an older file becomes a newer one.

Everything here blocks; callers run it in a thread. Knows nothing of records' meaning.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from gateway.domain.errors import Unavailable

APPLICATION: Final = 0x4D475731  # says whose file it is: "MGW1"
BUSY_MS: Final = 5_000  # how long to wait for another process's write
OLDEST: Final = (3, 31, 0)

# `seq` is given to each stored version of a record and never again, so what is remembered of a seq stays true.
# `words` holds the terms of texts, hashed with the scope's salt: a search walks only postings of its own scopes, and
# what an index keeps of deleted texts until it is merged says nothing once the scope, and with it the salt, is gone.
_FIRST: Final = """
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch BLOB NOT NULL, revision INTEGER NOT NULL, seq INTEGER NOT NULL
);
INSERT INTO meta VALUES (1, randomblob(8), 0, 0);
CREATE TABLE scopes (
    scope INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL, space TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, run TEXT NOT NULL,
    salt BLOB NOT NULL, revision INTEGER NOT NULL, records INTEGER NOT NULL, words INTEGER NOT NULL,
    UNIQUE (tenant, space, user, agent, run)
);
CREATE INDEX scopes_user ON scopes (tenant, user);
CREATE TABLE records (
    seq INTEGER PRIMARY KEY, scope INTEGER NOT NULL, tenant TEXT NOT NULL,
    id TEXT NOT NULL, kind TEXT NOT NULL, role TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER, version INTEGER NOT NULL,
    size INTEGER NOT NULL, words INTEGER NOT NULL,
    metadata TEXT NOT NULL, provenance TEXT NOT NULL, text TEXT NOT NULL, body BLOB, vector BLOB,
    UNIQUE (tenant, id)
);
CREATE INDEX records_scope ON records (scope, kind, created, id, expires);
CREATE INDEX records_tenant ON records (tenant, created, id);
CREATE INDEX records_expiry ON records (expires, kind, size) WHERE expires IS NOT NULL;
CREATE TABLE census (kind TEXT PRIMARY KEY, records INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(terms, tokenize = 'ascii', columnsize = 0);
CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance);
"""

_STEPS: Final = (_FIRST,)  # what makes a file of version n one of version n + 1
VERSION: Final = len(_STEPS)

_Result = TypeVar("_Result")


def create(path: Path) -> None:
    """Make the folder and an empty file that only its owner may read; leave what is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def connect(path: Path, synchronous: str, *, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """A connection that any one thread at a time may use, without implicit transactions."""
    connection = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)
    full = "ON" if synchronous == "FULL" else "OFF"  # fullfsync: what FULL means on macOS
    try:
        connection.executescript(
            f"PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = {full}; PRAGMA checkpoint_fullfsync = {full};"
            "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;"
            "PRAGMA journal_size_limit = 67108864;"
        )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the file to this version. Safe when several processes do it at once: one works, the others find it done."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise Unavailable(f"{name}: SQLite {sqlite3.sqlite_version} is too old", code="sqlite_too_old")
    _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
    if _version(connection) == VERSION and _application(connection) == APPLICATION:
        return
    _patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        version = _version(connection)  # another process may have been quicker
        _check(connection, version, name)
        for step in _STEPS[version:]:
            for statement in step.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(connection: sqlite3.Connection, version: int, name: str) -> None:
    if _application(connection) != APPLICATION:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables or version:
            raise Unavailable(f"{name}: the file is another program's database", code="sqlite_foreign_file")
    elif version > VERSION:
        raise Unavailable(
            f"{name}: the file was written by a newer Memory Gateway (layout {version}, this one knows {VERSION})",
            code="sqlite_newer_file",
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _patiently(act: Callable[[], _Result]) -> _Result:
    """Switching a new file to WAL reports a lock at once instead of waiting for it, so the waiting is done here."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            return act()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
