"""Which objects of the database are ours: everything is named after the one table that the operator names.

Names are checked to be plain and quoted all the same. Every statement names the schema, so a search path decides nothing.
"""

import hashlib
from typing import Final

import msgspec

TABLE_PATTERN: Final = r"^(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,39}$"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Names(msgspec.Struct, frozen=True):
    """`schema` and `table` as they are; the properties are quoted, ready for a statement."""

    schema: str
    table: str

    @property
    def records(self) -> str:
        return self._of("")

    @property
    def scopes(self) -> str:
        return self._of("_scopes")

    @property
    def census(self) -> str:
        return self._of("_census")

    @property
    def meta(self) -> str:
        return self._of("_meta")

    @property
    def adopted(self) -> str:
        return self._of("_adopted")

    @property
    def revisions(self) -> str:
        return self._of("_revisions")

    @property
    def messages(self) -> str:
        return self._of("_messages")

    def counting(self, event: str) -> str:
        """The function that a trigger calls after an insert, update or delete."""
        return self._of(f"_after_{event}")

    def index(self, what: str) -> str:
        """Indexes live in their table's schema, and are made without naming it."""
        return quoted(f"{self.table}_{what}")

    def lock(self) -> int:
        """The key of the advisory lock under which the layout changes."""
        return lock_key(self.schema, self.table)

    def _of(self, tail: str) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table + tail)}"


def lock_key(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(("memory-gateway", *parts)).encode()).digest()[:8], signed=True)
