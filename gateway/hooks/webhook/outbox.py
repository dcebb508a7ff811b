"""What is still to be told, in a SQLite file: kept before the request is answered, gone when somebody has taken it.

Several workers share a file: each takes what is due for a while, so that what a killed one had taken comes up again.
Blocks; for threads. Knows no HTTP, and not what a letter says.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.domain.hooking import Waiting

_BUSY_MS: Final = 5_000

# What is dead is not due at any time. What goes is overwritten, as it may be about somebody who is erased.
_TABLE: Final = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA secure_delete=ON;
CREATE TABLE IF NOT EXISTS letters (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, person TEXT NOT NULL, body BLOB NOT NULL, kept REAL NOT NULL,
  due REAL, attempts INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS letters_due ON letters (hook, due);
CREATE INDEX IF NOT EXISTS letters_person ON letters (hook, person);
"""


class Letter(msgspec.Struct, frozen=True):
    """`id` is the delivery's own, the same with every attempt. `attempts` counts this one."""

    id: str
    body: bytes
    attempts: int


class Outbox:
    def __init__(self, path: Path, hook: str) -> None:
        self._path = path
        self._hook = hook
        self._turn = threading.Lock()
        self._held: sqlite3.Connection | None = None

    def exists(self) -> bool:
        return self._path.exists()

    def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        self._path.chmod(0o600)
        connection.executescript(_TABLE)
        self._held = connection

    def close(self) -> None:
        with self._turn:
            if self._held is not None:
                self._held.close()
            self._held = None

    def keep(self, id_: str, person: str, body: bytes, now: float) -> None:
        """On the disk when this returns."""
        row = (id_, self._hook, person, body, now, now)
        self._said("INSERT OR IGNORE INTO letters (id, hook, person, body, kept, due) VALUES (?, ?, ?, ?, ?, ?)", *row)

    def take(self, now: float, lease: float, limit: int) -> list[Letter]:
        """What is due, the oldest first; due again after the lease, unless it is told of before."""
        rows = self._said(
            "UPDATE letters SET due = ?, attempts = attempts + 1 WHERE id IN "
            "(SELECT id FROM letters WHERE hook = ? AND due <= ? ORDER BY due, id LIMIT ?) "
            "RETURNING id, body, attempts",
            now + lease, self._hook, now, limit,
        )  # fmt: skip
        return sorted((Letter(*row) for row in rows), key=lambda each: each.id)

    def taken(self, id_: str) -> None:
        self._said("DELETE FROM letters WHERE id = ?", id_)

    def later(self, id_: str, due: float | None, why: str) -> None:
        """None: it is dead, stays until somebody looks, and is never tried again by itself."""
        self._said("UPDATE letters SET due = ?, why = ? WHERE id = ?", due, why, id_)

    def forget(self, persons: Sequence[str], until: float | None) -> int:
        """Whatever was kept about a person by then, dead or not, is no longer in the file; how many letters."""
        marks = ", ".join("?" * len(persons))
        which = f"DELETE FROM letters WHERE hook = ? AND person IN ({marks}) AND kept <= ?"  # noqa: S608 -- question marks
        with self._turn:
            connection = self._opened()
            last = float("inf") if until is None else until
            gone = connection.execute(which, (self._hook, *persons, last)).rowcount
            connection.execute("PRAGMA busy_timeout=0")  # a worker that reads now empties the log when it is next asked
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        return gone

    def waiting(self, *, dead: bool, limit: int = 1000) -> list[Waiting]:
        which = " AND due IS NULL" if dead else ""
        listed = f"SELECT id, kept, due, attempts, why FROM letters WHERE hook = ?{which} ORDER BY kept, id LIMIT ?"  # noqa: S608 -- a word of ours
        return [Waiting(*row) for row in self._said(listed, self._hook, limit)]

    def counts(self) -> list[tuple[bool, int, float]]:
        counted = "SELECT due IS NULL, count(*), min(kept) FROM letters WHERE hook = ? GROUP BY 1"
        return [(bool(dead), count, oldest) for dead, count, oldest in self._said(counted, self._hook)]

    def again(self, ids: Sequence[str] | None, now: float) -> int:
        begun = "UPDATE letters SET due = ?, attempts = 0 WHERE hook = ? AND "
        if ids is None:
            return len(self._said(begun + "due IS NULL RETURNING 1", now, self._hook))
        return sum(len(self._said(begun + "id = ? RETURNING 1", now, self._hook, each)) for each in ids)

    def drop(self, ids: Sequence[str] | None) -> int:
        gone = "DELETE FROM letters WHERE hook = ? AND "
        if ids is None:
            return len(self._said(gone + "due IS NULL RETURNING 1", self._hook))
        return sum(len(self._said(gone + "id = ? RETURNING 1", self._hook, each)) for each in ids)

    def _said(self, statement: str, *values: object) -> list[Any]:
        """Each statement is a transaction of its own."""
        with self._turn:
            return self._opened().execute(statement, values).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._held is None:
            raise sqlite3.ProgrammingError("the outbox is closed")
        return self._held
