"""Reads over one connection: by id, in order, by revision, counted. Blocks; whoever calls chooses the thread.

Whatever the statements let through is tested again: the reach, the time, the filter.
"""

# ruff: noqa: S608 -- statements are joined from the constants of this package; every value is bound

import sqlite3
import struct
from collections.abc import Sequence
from itertools import starmap
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.filters import Filter, matches
from gateway.domain.ports import Count, Page, Position, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.sqlite.pushdown import pushed
from gateway.providers.sqlite.rows import COLUMNS, PLACED, SELECTED, columns, record_of
from gateway.providers.sqlite.selecting import Rows, covered

_ONE: Final = (
    f"SELECT {SELECTED}, {PLACED} FROM records r JOIN scopes s ON s.scope = r.scope WHERE r.tenant = ? AND r.id = ?"
)
_BY_SEQ: Final = f"SELECT {SELECTED}, {PLACED}, r.seq FROM records r JOIN scopes s ON s.scope = r.scope WHERE r.seq IN (SELECT value FROM json_each(?))"
_PARTS: Final = "tenant = ? AND space = ? AND user = ? AND agent = ? AND run = ?"
_SCOPE: Final = f"SELECT scope, revision, salt, records, words FROM scopes WHERE {_PARTS}"
_WIDTH: Final = len(COLUMNS)
_FILTERED: Final = 250  # rows read at once where a filter may drop some


class Owner(msgspec.Struct, frozen=True):
    """A row of `scopes`."""

    number: int
    revision: int
    salt: bytes
    records: int
    words: int


class Reading:
    """One thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._epoch: bytes = connection.execute("SELECT epoch FROM meta").fetchone()[0]

    def get(self, reach: Reach, ids: Sequence[str], now: int) -> list[Record | None]:
        found: list[Record | None] = []
        for id_ in ids:
            row = self.connection.execute(_ONE, (reach.tenant, id_)).fetchone()
            found.append(None if row is None else _within(reach, row, now))
        return found

    def by_seq(self, reach: Reach, seqs: Sequence[int], now: int) -> dict[int, Record]:
        """Those of the rows that are still there, alive and in the reach."""
        rows = self.connection.execute(_BY_SEQ, (msgspec.json.encode(seqs).decode(),)).fetchall()
        found = ((row[-1], _within(reach, row, now)) for row in rows)
        return {seq: record for seq, record in found if record is not None}

    def scan(self, reach: Reach, scan: Scan, now: int) -> Page:
        rows = self.rows(reach, scan.where.kinds, scan.where.filter, now)
        if rows is None:
            return Page(())
        scope = reach.exact()
        test = scan.where.filter
        step = scan.limit + 1 if test is None else max(scan.limit + 1, _FILTERED)
        found: list[Record] = []
        after = scan.after
        selected = columns(vectors=scan.vectors, bodies=scan.bodies)
        while True:
            query = msgspec.structs.replace(rows, order=scan.order, after=after).page(step, selected)
            read = self.connection.execute(query.sql, query.values).fetchall()
            for row in read:
                record = record_of(row, scope or Scope(*row[_WIDTH : _WIDTH + 5]))
                after = Position(record.created_at, record.id)
                if not matches(test, record):
                    continue
                if len(found) == scan.limit:
                    return Page(tuple(found), Position(found[-1].created_at, found[-1].id))
                found.append(record)
            if len(read) < step:
                return Page(tuple(found))

    def rows(self, reach: Reach, kinds: frozenset[Kind], test: Filter | None, now: int) -> Rows | None:
        """The rows meant; None where there cannot be any."""
        scope = reach.exact()
        owner = None if scope is None else self.owner(scope)
        if not kinds or (scope is not None and owner is None):
            return None
        clause = None if test is None else pushed(test, scope)
        number = None if owner is None else owner.number
        return Rows(reach=reach, scope=number, kinds=kinds, now=now, clause=clause)

    def owner(self, scope: Scope) -> Owner | None:
        parts = (scope.tenant, scope.space, scope.user, scope.agent, scope.run)
        row = self.connection.execute(_SCOPE, parts).fetchone()
        return None if row is None else Owner(*row)

    def owners(self, reach: Reach) -> list[Owner]:
        where, values = covered(reach)
        sql = f"SELECT s.scope, s.revision, s.salt, s.records, s.words FROM scopes s WHERE {where}"
        return list(starmap(Owner, self.connection.execute(sql, values)))

    def revision(self, reach: Reach) -> bytes:
        # Scopes come with a higher revision and go by one fewer, so no state of the reach has the pair twice.
        scope = reach.exact()
        if scope is not None:
            owner = self.owner(scope)
            many, last = (0, 0) if owner is None else (1, owner.revision)
        else:
            where, values = covered(reach)
            sql = f"SELECT count(*), coalesce(max(s.revision), 0) FROM scopes s WHERE {where}"
            many, last = self.connection.execute(sql, values).fetchone()
        return self._epoch + struct.pack(">QQ", many, last)

    def count(self, now: int) -> dict[Kind, Count]:
        held: dict[str, tuple[int, int]] = {
            kind: (records, size) for kind, records, size in self.connection.execute("SELECT * FROM census")
        }
        due = "SELECT kind, count(*), sum(size) FROM records WHERE expires <= ? GROUP BY kind"
        for kind, records, size in self.connection.execute(due, (now,)):
            held[kind] = (held[kind][0] - records, held[kind][1] - size)
        return {Kind(kind): Count(*counts) for kind, counts in held.items() if counts[0]}


def _within(reach: Reach, row: tuple[Any, ...], now: int) -> Record | None:
    scope = Scope(*row[_WIDTH : _WIDTH + 5])
    if scope.tenant != reach.tenant:
        raise Tampered("a stored record belongs to a scope of another tenant")
    if not reach.covers(scope):
        return None
    record, expires = record_of(row, scope), row[5]
    return record if expires is None or expires > now else None
