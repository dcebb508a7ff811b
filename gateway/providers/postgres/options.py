"""The keys of `type: postgres` in YAML, and which of them contradict each other."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.units import Duration, Secret
from gateway.providers.postgres.names import TABLE_PATTERN

SCHEMES: Final = ("postgres", "postgresql")


class Adopt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An older table of messages whose rows become this table's, once, when the gateway starts."""

    table: Annotated[
        str,
        Meta(
            pattern=TABLE_PATTERN,
            description="Has the columns id, session_id, role, content, timestamp and metadata. It is only read.",
        ),
    ]
    tenant: Annotated[str, Meta(min_length=1, description="Who the messages belong to from now on.")]
    space: Annotated[
        str, Meta(description="The space of the route that will serve them; its name where it has no `space:`.")
    ]
    user: Annotated[str, Meta(description="The user of every session, where the route's scope has one.")] = ""
    agent: Annotated[str, Meta(description="The agent of every session, where the route's scope has one.")] = ""


class PostgresOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[Secret, Meta(description="`postgresql://user:password@host:5432/database?sslmode=verify-full`.")]
    table: Annotated[
        str,
        Meta(
            pattern=TABLE_PATTERN,
            description="`table` or `schema.table`; made, with what belongs to it, where it is missing.",
        ),
    ] = "agent_memories"
    vectors: Annotated[
        Literal["auto"] | bool,
        Meta(
            description="true: keep vectors in a pgvector column, and refuse to start without the extension. false: "
            "leave ranking by vectors to the gateway. auto: pgvector where it is or can be made, else exact search here."
        ),
    ] = "auto"
    vector_enabled: Annotated[bool, Meta(description="Another name for `vectors`.")] | UnsetType = UNSET
    hnsw: Annotated[
        bool,
        Meta(
            description="Make an HNSW index for searches over many scopes: faster there, approximate, slower to write. "
            "A search in one scope stays exact."
        ),
    ] = False
    row_level_security: Annotated[
        bool,
        Meta(
            description="A second fence: the database itself shows a transaction only the rows of its tenant. "
            "Costs two round trips for each read and write."
        ),
    ] = True
    pool_size: Annotated[int, Meta(ge=1, le=1000, description="Connections of each gateway process, at most.")] = 10
    min_pool_size: Annotated[int, Meta(ge=0, le=1000, description="Connections that are kept open.")] = 1
    connect_timeout: Annotated[Duration, Meta(description="How long a new connection may take.")] = msgspec.field(
        default_factory=lambda: Duration("5s")
    )
    timeout: Annotated[
        Duration, Meta(description="How long one statement may take, and how long one may wait for a connection.")
    ] = msgspec.field(default_factory=lambda: Duration("15s"))
    prepared: Annotated[
        bool, Meta(description="Keep prepared statements. Switch off behind a pooler that shares connections.")
    ] = True
    adopt: Annotated[Adopt, Meta(description="Take over an older table of messages.")] | None = None

    def __post_init__(self) -> None:
        scheme = urlsplit(self.url.reveal()).scheme
        if scheme not in SCHEMES:
            raise ValueError("`url` must begin with postgresql:// or postgres://")
        if self.vector_enabled is not UNSET and self.vectors not in ("auto", self.vector_enabled):
            raise ValueError("`vectors` and `vector_enabled` say different things; keep `vectors`")
        if self.hnsw and self.wanted() is False:
            raise ValueError("`hnsw: true` indexes vectors, which `vectors: false` leaves out; change one of them")
        if self.min_pool_size > self.pool_size:
            raise ValueError("`min_pool_size` is larger than `pool_size`")
        if not self.timeout.seconds or not self.connect_timeout.seconds:
            raise ValueError("`timeout` and `connect_timeout` must be longer than nothing")
        if self.adopt is not None and self.adopt.table.split(".")[-1] == self.table.split(".")[-1]:
            raise ValueError("`adopt.table` must be another table than `table`")

    def wanted(self) -> Any:
        """Whether to keep vectors with pgvector: True, False or "auto"."""
        return self.vectors if self.vector_enabled is UNSET else self.vector_enabled
