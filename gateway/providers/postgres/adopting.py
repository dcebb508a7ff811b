"""Taking over an older table of messages (id, session_id, role, content, timestamp, metadata): its rows become records.

Each row is copied once, in the order of its id, a batch to a transaction; how far that went is written in the same
transaction, so that starting again, or several at once, goes on behind it. The older table is only read. A copied message
has an id that sorts by time and then by its row, so that order stays. Knows nothing of requests.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names; every value is bound

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ids import keyed_id, uuid7
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Scope, check_part
from gateway.providers.postgres.names import Names, quoted
from gateway.providers.postgres.options import Adopt
from gateway.providers.postgres.rows import row_of
from gateway.providers.postgres.sessions import Sessions
from gateway.providers.postgres.writing import Writing
from gateway.providers.terms import Terms

_AT_ONCE: Final = 500
_NEEDED: Final = frozenset({"id", "session_id", "role", "content", "timestamp", "metadata"})


class Adopting:
    def __init__(self, adopt: Adopt, names: Names, writing: Writing, provider: str) -> None:
        self._adopt = adopt
        self._names = names
        self._writing = writing
        self._provider = provider
        schema, _, table = adopt.table.rpartition(".")
        self._source = f"{quoted(schema or names.schema)}.{quoted(table)}"
        self._scope = Scope(adopt.tenant, adopt.space, adopt.user, adopt.agent)
        self._terms = Terms()

    async def adopt(self, sessions: Sessions, now: datetime) -> int:
        """Copy what is not copied yet; the number of messages. Unavailable where the table is not one of messages."""
        copied = 0
        while some := await sessions.write(lambda connection: self._batch(connection, now)):
            copied += some
        return copied

    async def _batch(self, connection: Any, now: datetime) -> int:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", self._names.lock())
        kind = await self._kind_of_id(connection)
        place = (self._source, self._adopt.tenant, self._adopt.space)
        last = await connection.fetchval(
            f"SELECT last FROM {self._names.adopted} WHERE source = $1 AND tenant = $2 AND space = $3", *place
        )
        rows = await connection.fetch(
            f"""SELECT m.id::text, m.session_id::text, m.role::text, m.content::text,
                coalesce(m."timestamp"::timestamptz, 'epoch'), m.metadata::text
            FROM {self._source} m WHERE $1::text IS NULL OR m.id > $1::text::{kind} ORDER BY m.id LIMIT {_AT_ONCE:d}""",
            last,
        )
        if not rows:
            return 0
        records = {record.id: record for row in rows for record in self._records(row)}
        stored = [row_of(record, self._terms) for record in records.values()]
        await self._writing.put(connection, self._adopt.tenant, stored, now)
        await connection.execute(
            f"""INSERT INTO {self._names.adopted} (source, tenant, space, last) VALUES ($1, $2, $3, $4)
            ON CONFLICT (source, tenant, space) DO UPDATE SET last = excluded.last""",
            *place, rows[-1][0],
        )  # fmt: skip
        return len(rows)

    async def _kind_of_id(self, connection: Any) -> str:
        """The type of the table's `id`, as the server spells it."""
        found = await connection.fetch(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            self._source,
        )
        kinds: dict[str, str] = dict(found)
        missing = sorted(_NEEDED - kinds.keys())
        if missing:
            raise Unavailable(
                f"{self._provider}: the table of `adopt` is not there, or lacks {', '.join(missing)}",
                code="postgres_adopt",
            )
        return kinds["id"]

    def _records(self, row: Sequence[Any]) -> list[Record]:
        """The message, and the session that it is in; a session that is there already stays."""
        number, session, role, content, at, raw = row
        try:
            scope = msgspec.structs.replace(self._scope, run=check_part(session, "session_id"))
        except GatewayError as wrong:
            raise Unavailable(
                f"{self._provider}: row {number} cannot be adopted: {wrong.detail}", code="postgres_adopt"
            ) from None
        metadata: Any = None if raw is None else msgspec.json.decode(raw)
        message: dict[str, Any] = {"role": role, "content": content}
        if metadata is not None:
            message["metadata"] = metadata
        at = cast("datetime", at).astimezone(UTC)
        copied = Record(
            id=uuid7(at, self._tail(number)),
            kind=Kind.MESSAGE,
            scope=scope,
            text=content or "",
            body=msgspec.json.encode(message),
            role=role,
            metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
            created_at=at,
            updated_at=at,
            provenance=Provenance(principal="adopted"),
        )
        # The id that opening a session gives its record, so that whoever goes on with the session finds it open.
        own = keyed_id(scope.tenant, Kind.SESSION.value, scope.space, scope.user, scope.agent, scope.run)
        opened = msgspec.structs.replace(copied, id=own, kind=Kind.SESSION, text="", body=None, role="", metadata={})
        return [copied, opened]

    def _tail(self, number: str) -> bytes:
        """Of two rows of one time, the one with the higher number comes later."""
        digest = hashlib.sha256(f"{self._source} {number}".encode()).digest()
        place = int(number) if number.isdecimal() else int.from_bytes(digest[8:13])
        low = int.from_bytes(digest[:3]) & ((1 << 22) - 1)
        return (((place & ((1 << 40) - 1)) << 22) | low).to_bytes(8)
