"""The one thing that is kept. A memory, a session message, a summary, a checkpoint: each is a Record of some kind.

Whatever is written once for Records (erasure, expiry, sealing, export, mirroring) therefore holds for all of them.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from gateway.domain.scope import Scope

Metadata: TypeAlias = dict[str, Any]


class Kind(StrEnum):
    MEMORY = "memory"
    HISTORY = "history"  # one past event of a memory
    MESSAGE = "message"
    SESSION = "session"  # says that a session exists, and since when
    SYSTEM = "system"  # a session's system prompt
    SUMMARY = "summary"
    CHECKPOINT = "checkpoint"
    WRITE = "write"  # what a step has done since a checkpoint, before the next one
    RUN = "run"  # the status of a run that makes checkpoints
    KEY = "key"  # a wrapped key
    QUARANTINE = "quarantine"  # what a hook keeps aside: no read finds it


class Family(StrEnum):
    """What a route may hold. The kinds of one family always live together."""

    MEMORY = "memory"
    MESSAGE = "message"
    CHECKPOINT = "checkpoint"


KINDS_OF: Final[dict[Family, frozenset[Kind]]] = {
    Family.MEMORY: frozenset({Kind.MEMORY, Kind.HISTORY, Kind.QUARANTINE}),
    Family.MESSAGE: frozenset({Kind.MESSAGE, Kind.SESSION, Kind.SYSTEM, Kind.SUMMARY}),
    Family.CHECKPOINT: frozenset({Kind.CHECKPOINT, Kind.WRITE, Kind.RUN}),
}
ASIDE: Final = frozenset({Kind.QUARANTINE})


def kinds_kept(families: Iterable[Family]) -> frozenset[Kind]:
    """All that lies where these families do, with what hooks have kept aside there: of messages too, on their route."""
    found = frozenset(kind for family in families for kind in KINDS_OF[family])
    return found | ASIDE if found & {Kind.MEMORY, Kind.MESSAGE} else found


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a record came from. Never decides who may read it: that is the scope's part alone."""

    principal: str = ""  # id of the credential that wrote it
    route: str = ""
    user: str = ""  # named by the writing request, where the route's scope does not use the part
    agent: str = ""
    run: str = ""
    fingerprint: str = ""  # of the request body that an Idempotency-Key stands for


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One kept thing.

    `text` is what is searched, ranked and shown. Where the client's content was not plain text, `body` holds it as
    JSON, byte for byte, and `text` what could be read out of it. `version` starts at 1 and grows by one with each
    change. `vector` is float32, little-endian, of unit length. Times are UTC.
    """

    id: str
    kind: Kind
    scope: Scope
    text: str
    body: bytes | None = None
    role: str = ""
    metadata: Metadata = {}
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1
    vector: bytes | None = None
    provenance: Provenance = Provenance()

    def size(self) -> int:
        """Bytes of content, as the census counts them: text, body, vector; not keys or metadata."""
        return len(self.text.encode()) + len(self.body or b"") + len(self.vector or b"")
