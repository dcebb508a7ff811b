"""The keys of a table that Fence's agents use, and the scopes they stand for: each scope has one key, each key one scope.

    partition: `primary_key_value`, with {tenant_id}, {user_id}, {agent_id}, {session_id} filled in
    sort:      <sort_key_value_prefix>#<sort_key_value>#<time>

A scope that would not be read back the same from its key is refused: nobody's messages stand where another's would.
Fence itself finds a session by the beginning of its keys, and so takes those of s12 for s1; here they are compared whole.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.domain.errors import Invalid
from gateway.domain.record import Record
from gateway.domain.scope import Scope
from gateway.providers.dynamodb.keys import OURS, Key, checked, moment

NAMES: Final = ("tenant_id", "user_id", "agent_id", "session_id")

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_FOREIGN: Final = "-f."  # sorts before every UUID, as Fence's keys of one moment sort before ours
_TIE: Final = "~"


class Template:
    """Text with names in braces. Filling in and taking apart are each other's inverse, or it refuses."""

    def __init__(self, text: str) -> None:
        pieces = _PLACEHOLDER.split(text)
        self.names = tuple(pieces[1::2])
        self._texts = pieces[::2]
        if unknown := [name for name in self.names if name not in NAMES]:
            raise ValueError(f"{{{unknown[0]}}} is not one of {', '.join(f'{{{name}}}' for name in NAMES)}")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"{text!r} names the same part twice")
        if "" in self._texts[1:-1]:
            raise ValueError(f"{text!r} has nothing between two parts: nobody could tell where one ends")

    def fill(self, values: Mapping[str, str]) -> str | None:
        filled = [self._texts[0]]
        for name, text in zip(self.names, self._texts[1:], strict=True):
            filled += [values[name], text]
        whole = "".join(filled)
        return whole if self.read(whole) == {name: values[name] for name in self.names} else None

    def read(self, whole: str) -> dict[str, str] | None:
        """Each part ends where the text after it begins first."""
        if not whole.startswith(self._texts[0]):
            return None
        values: dict[str, str] = {}
        start = len(self._texts[0])
        for number, name in enumerate(self.names):
            text, last = self._texts[number + 1], number == len(self.names) - 1
            end = (len(whole) - len(text) if whole.endswith(text) else -1) if last else whole.find(text, start)
            if end <= start:
                return None
            values[name] = whole[start:end]
            start = end + len(text)
        return values if start == len(whole) else None


class FenceKeys:
    def __init__(
        self, partition: Template, session: Template, prefix: str | None, tenant: str | None, space: str
    ) -> None:
        self._partition = partition
        self._session = session
        self._prefix = f"{prefix}#"  # Fence writes None as a word
        self._tenant = tenant
        self._space = space
        self._names = {*partition.names, *session.names}

    def of(self, scope: Scope) -> Key | None:
        """The partition of a scope and what all its sort keys begin with; None where the table has no key for it."""
        values = {
            "tenant_id": scope.tenant, "user_id": scope.user, "agent_id": scope.agent, "session_id": scope.run
        }  # fmt: skip
        partition, session = self._partition.fill(values), self._session.fill(values)
        if partition is None or session is None or partition.startswith(OURS):
            return None
        begin = Key(partition, f"{self._prefix}{session}#")
        return begin if self.scope(Key(partition, f"{begin.sort}-")) == scope else None

    def scope(self, key: Key) -> Scope | None:
        """Whose a key is; None where it is not one of such a table."""
        session, _, _ = key.sort.removeprefix(self._prefix).rpartition("#")
        told, said = self._partition.read(key.partition), self._session.read(session)
        if not key.sort.startswith(self._prefix) or told is None or said is None:
            return None
        if any(said[name] != told[name] for name in told.keys() & said.keys()):
            return None
        values = told | said
        tenant = values.get("tenant_id", self._tenant)
        if tenant is None:
            return None
        return Scope(
            tenant, self._space, values.get("user_id", ""), values.get("agent_id", ""), values.get("session_id", "")
        )

    def begin(self, scope: Scope) -> Key:
        found = self.of(scope)
        if found is None:
            raise Invalid(
                "the keys of this table say "
                + (", ".join(name for name in NAMES if name in self._names) or "nothing")
                + "; these ids cannot be told from them",
                code="scope_without_key",
            )
        return found

    def key(self, record: Record) -> Key:
        """Where a message stands: for Fence in the order of time, for us in that of (time, id)."""
        begin = self.begin(record.scope)
        foreign = foreign_key(record.id)
        if foreign is not None:
            if self.scope(foreign) != record.scope:
                raise Invalid("this id belongs to another session", code="scope_without_key")
            return foreign
        # Fence takes what follows the last "#" for the time. The escape keeps the order of ids.
        id_ = record.id.replace('"', '""').replace("#", '"~')
        return checked(Key(begin.partition, f"{begin.sort}{moment(record.created_at)}{_TIE}{id_}"))


def time_of(key: Key) -> datetime | None:
    """When a message that Fence wrote was said."""
    try:
        found = datetime.fromisoformat(key.sort.rpartition("#")[2])
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def foreign_id(key: Key) -> str:
    """The id of a message that Fence wrote: it says where it stands."""
    return _FOREIGN + urlsafe_b64encode(f"{key.partition}\0{key.sort}".encode()).decode().rstrip("=")


def foreign_key(id_: str) -> Key | None:
    if not id_.startswith(_FOREIGN):
        return None
    raw = id_.removeprefix(_FOREIGN)
    try:
        partition, middle, sort = urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode().partition("\0")
    except ValueError:
        return None
    key = Key(partition, sort)
    return key if middle and foreign_id(key) == id_ else None
