"""What is still to be told, in a SQLite file: kept before the request is answered, gone when somebody has taken it.

Several workers share a file: each takes what is due for a while, so that what a killed one had taken comes up again.
Blocks; for threads. Knows no HTTP.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Final

import msgspec

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS outbox (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, body BLOB NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (hook, due);
CREATE TABLE IF NOT EXISTS dead (
  id TEXT PRIMARY KEY, hook TEXT NOT NULL, body BLOB NOT NULL, at REAL NOT NULL, why TEXT NOT NULL
) WITHOUT ROWID;
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

    def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
        self._path.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLES)
        self._held = connection

    def close(self) -> None:
        with self._turn:
            if self._held is not None:
                self._held.close()
            self._held = None

    def keep(self, letters: list[tuple[str, bytes]], now: float) -> None:
        """On the disk when this returns, all or none."""
        with self._turn:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(
                    "INSERT OR IGNORE INTO outbox (id, hook, body, due) VALUES (?, ?, ?, ?)",
                    [(id_, self._hook, body, now) for id_, body in letters],
                )
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def take(self, now: float, lease: float, limit: int) -> list[Letter]:
        """What is due, the oldest first; due again after the lease, unless it is told of before."""
        with self._turn:
            rows = self._opened().execute(
                "UPDATE outbox SET due = ?, attempts = attempts + 1 WHERE id IN "
                "(SELECT id FROM outbox WHERE hook = ? AND due <= ? ORDER BY due, id LIMIT ?) "
                "RETURNING id, body, attempts",
                (now + lease, self._hook, now, limit),
            )
            return sorted((Letter(*row) for row in rows.fetchall()), key=lambda each: each.id)

    def taken(self, id_: str) -> None:
        with self._turn:
            self._opened().execute("DELETE FROM outbox WHERE id = ?", (id_,))

    def later(self, id_: str, due: float) -> None:
        with self._turn:
            self._opened().execute("UPDATE outbox SET due = ? WHERE id = ?", (due, id_))

    def bury(self, id_: str, now: float, why: str) -> None:
        """Among the dead, where it stays until somebody looks: never tried again."""
        with self._turn:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT OR REPLACE INTO dead (id, hook, body, at, why) "
                "SELECT id, hook, body, ?, ? FROM outbox WHERE id = ?",
                (now, why, id_),
            )
            connection.execute("DELETE FROM outbox WHERE id = ?", (id_,))
            connection.execute("COMMIT")

    def waiting(self) -> tuple[int, int]:
        """How many are to be told, and how many are dead."""
        with self._turn:
            connection = self._opened()
            counts = [
                connection.execute(f"SELECT count(*) FROM {table} WHERE hook = ?", (self._hook,)).fetchone()[0]  # noqa: S608 -- two names of ours
                for table in ("outbox", "dead")
            ]
            return counts[0], counts[1]

    def next_due(self) -> float | None:
        with self._turn:
            row = self._opened().execute("SELECT min(due) FROM outbox WHERE hook = ?", (self._hook,)).fetchone()
            return row[0]

    def _opened(self) -> sqlite3.Connection:
        if self._held is None:
            raise sqlite3.ProgrammingError("the outbox is closed")
        return self._held
