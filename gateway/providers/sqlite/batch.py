"""One write transaction: what puts, deletes and sweeps change in it, and the counters that must change with them.

Used by the writer's thread alone, inside BEGIN IMMEDIATE, so what is read here holds until the commit. Knows nothing
of waiting callers; time is given with each call.
"""

# ruff: noqa: S608 -- statements are joined from the constants of this package; every value is bound

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.domain.errors import Tampered
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.sqlite.rows import STORED, row_of
from gateway.providers.terms import Terms

_PARTS: Final = "tenant = ? AND space = ? AND user = ? AND agent = ? AND run = ?"
_INSERT: Final = f"INSERT INTO records ({', '.join(STORED)}) VALUES ({', '.join('?' * len(STORED))})"
_FIND: Final = "SELECT seq, scope, kind, size, words, version, expires FROM records WHERE tenant = ? AND id = ?"
_DUE: Final = "SELECT seq, scope, kind, size, words FROM records WHERE expires <= ? ORDER BY expires LIMIT ?"


class _Owner:
    """A row of `scopes` as this transaction leaves it."""

    __slots__ = ("number", "parts", "records", "salt", "touched", "words")

    def __init__(self, number: int, parts: Scope, salt: bytes, records: int, words: int) -> None:
        self.number = number
        self.parts = parts
        self.salt = salt
        self.records = records
        self.words = words
        self.touched = False


def salted(salt: bytes) -> Callable[[str], str]:
    """Terms as the index holds them: the same only for the same term in the same scope."""
    start = hashlib.blake2b(key=salt, digest_size=5)

    def one(term: str) -> str:
        digest = start.copy()
        digest.update(term.encode())
        return digest.hexdigest()

    return one


class Batch:
    def __init__(self, connection: sqlite3.Connection, terms: Terms) -> None:
        self._connection = connection
        self._terms = terms
        self._revision, self._seq = connection.execute("SELECT revision, seq FROM meta").fetchone()
        self._by_scope: dict[Scope, _Owner] = {}
        self._by_number: dict[int, _Owner] = {}
        self._census: dict[str, list[int]] = {}

    def put(self, records: Sequence[Record], now: int) -> list[bool]:
        return [self._put(record, now, over=False) for record in records]

    def replace(self, records: Sequence[Record], beside: Sequence[Record], now: int) -> list[bool]:
        """Only in the place of what lives; what stands beside is put with all of them or not at all."""
        stored = [self._put(record, now, over=True) for record in records]
        if all(stored):
            self.put(beside, now)
        return stored

    def delete(self, reach: Reach, ids: Sequence[str], now: int) -> int:
        deleted = 0
        for id_ in dict.fromkeys(ids):
            row = self._connection.execute(_FIND, (reach.tenant, id_)).fetchone()
            if row is None or not reach.covers(self._numbered(row[1]).parts):
                continue
            self._remove(row)
            expires = row[6]
            deleted += expires is None or expires > now
        return deleted

    def sweep(self, limit: int, now: int) -> int:
        due = self._connection.execute(_DUE, (now, limit)).fetchall()
        for row in due:
            self._remove(row)
        return len(due)

    def settle(self) -> None:
        """Write the counters; the last thing before the commit. Scopes that hold nothing any more leave no trace."""
        touched = [owner for owner in self._by_number.values() if owner.touched]
        if not touched:
            return
        run = self._connection.execute
        revision = self._revision + 1
        run("UPDATE meta SET revision = ?, seq = ?", (revision, self._seq))
        for owner in touched:
            if owner.records:
                values = (revision, owner.records, owner.words, owner.number)
                run("UPDATE scopes SET revision = ?, records = ?, words = ? WHERE scope = ?", values)
            else:
                run("DELETE FROM scopes WHERE scope = ?", (owner.number,))
        for kind, (records, size) in self._census.items():
            run(
                "INSERT INTO census VALUES (?, ?, ?) "
                "ON CONFLICT (kind) DO UPDATE SET records = records + excluded.records, bytes = bytes + excluded.bytes",
                (kind, records, size),
            )

    def _put(self, record: Record, now: int, *, over: bool) -> bool:
        owner = self._owner(record.scope)
        old = self._connection.execute(_FIND, (record.scope.tenant, record.id)).fetchone()
        if old is not None:
            _, scope, _, _, _, version, expires = old
            lives = expires is None or expires > now
            # A scope that is not there yet cannot be the one that holds the old record.
            if lives and (owner is None or scope != owner.number or record.version <= version):
                return False
            if over and not lives:
                return False
            self._remove(old)
        elif over:
            return False
        if owner is None:
            owner = self._new_owner(record.scope)
        terms = self._terms.of(record.text)
        row = row_of(record, self._seq + 1, owner.number, len(terms))
        self._connection.execute(_INSERT, row)
        self._seq += 1
        if terms:
            hashed = " ".join(map(salted(owner.salt), terms))
            self._connection.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (self._seq, hashed))
        self._counted(owner, record.kind.value, 1, record.size(), len(terms))
        return True

    def _remove(self, row: tuple[Any, ...]) -> None:
        seq, scope, kind, size, words = row[:5]
        self._connection.execute("DELETE FROM records WHERE seq = ?", (seq,))
        if words:
            self._connection.execute("DELETE FROM words WHERE rowid = ?", (seq,))
        self._counted(self._numbered(scope), kind, -1, size, words)

    def _counted(self, owner: _Owner, kind: str, by: int, size: int, words: int) -> None:
        owner.touched = True
        owner.records += by
        owner.words += by * words
        counts = self._census.setdefault(kind, [0, 0])
        counts[0] += by
        counts[1] += by * size

    def _owner(self, scope: Scope) -> _Owner | None:
        known = self._by_scope.get(scope)
        if known is None:
            parts = (scope.tenant, scope.space, scope.user, scope.agent, scope.run)
            found = self._connection.execute(
                f"SELECT scope, salt, records, words FROM scopes WHERE {_PARTS}", parts
            ).fetchone()  # fmt: skip
            if found is None:
                return None
            known = self._remember(_Owner(found[0], scope, *found[1:]))
        return known

    def _numbered(self, number: int) -> _Owner:
        known = self._by_number.get(number)
        if known is None:
            row = self._connection.execute(
                "SELECT tenant, space, user, agent, run, salt, records, words FROM scopes WHERE scope = ?", (number,)
            ).fetchone()
            if row is None:
                raise Tampered("a stored record belongs to no scope")
            known = self._remember(_Owner(number, Scope(*row[:5]), *row[5:]))
        return known

    def _new_owner(self, scope: Scope) -> _Owner:
        salt = self._connection.execute("SELECT randomblob(16)").fetchone()[0]
        number = self._connection.execute(
            "INSERT INTO scopes (tenant, space, user, agent, run, salt, revision, records, words) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0)",
            (scope.tenant, scope.space, scope.user, scope.agent, scope.run, salt),
        ).lastrowid
        if number is None:
            raise sqlite3.DatabaseError("an insert gave no row")
        return self._remember(_Owner(number, scope, salt, 0, 0))

    def _remember(self, owner: _Owner) -> _Owner:
        self._by_scope[owner.parts] = owner
        self._by_number[owner.number] = owner
        return owner
