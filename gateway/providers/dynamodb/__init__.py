"""Records in one DynamoDB table.

What is acknowledged was written in one transaction with the place that finds it. All reads are consistent. The table
removes what has expired in its own time, within days; reading goes by the clock. `layout: fence` reads and writes the
tables of Fence's agents. Knows nothing of routes, ranking or sealing.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Duration, Secret
from gateway.providers.aws import REQUIRES, Access, connect
from gateway.providers.dynamodb.fence import Fence, FenceStands
from gateway.providers.dynamodb.fence_items import NAMES
from gateway.providers.dynamodb.fence_keys import FenceKeys, Template
from gateway.providers.dynamodb.forms import RESERVED
from gateway.providers.dynamodb.hashed import HashTable
from gateway.providers.dynamodb.opening import Opening
from gateway.providers.dynamodb.own import Own, Plain
from gateway.providers.dynamodb.table import Table

__all__ = ["Dynamodb"]

_FENCE_ONLY: Final = ("primary_key_value", "sort_key_value_prefix", "source", "extra_fields", "tenant")


class DynamodbOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    table_name: Annotated[str, Meta(min_length=1, description="The table.")] | None = None
    table: Annotated[str, Meta(min_length=1, description="Another name for `table_name`.")] | None = None
    region: Annotated[str, Meta(description="Where it is; else AWS_DEFAULT_REGION or the profile says.")] | None = None
    endpoint_url: Annotated[str, Meta(description="Another server that speaks as DynamoDB.")] | None = None
    auto_create: Annotated[
        bool, Meta(description="Make the table where it is missing, paid per request, with removal of what expired.")
    ] = True
    access_key_id: Annotated[Secret, Meta(description="Else the environment's credentials.")] | None = None
    secret_access_key: Annotated[Secret, Meta(description="Goes with `access_key_id`.")] | None = None
    session_token: Annotated[Secret, Meta(description="Goes with temporary keys.")] | None = None
    layout: Annotated[
        Literal["own", "fence"], Meta(description="own: any record. fence: messages as the agents of Fence keep them.")
    ] = "own"
    primary_key_name: Annotated[str, Meta(min_length=1, description="The table's partition key.")] = "PK"
    sort_key_name: (
        Annotated[str, Meta(min_length=1, description="The table's sort key; null for a table that has none.")] | None
    ) = "SK"
    primary_key_value: (
        Annotated[
            str,
            Meta(
                description="`layout: fence`: the partition of a session, with {tenant_id}, {user_id}, {agent_id} or "
                "{session_id} in it."
            ),
        ]
        | None
    ) = None
    sort_key_value: Annotated[
        str, Meta(description="`layout: fence`: Fence's name for the session, with the same parts.")
    ] = "{session_id}"
    sort_key_value_prefix: (
        Annotated[str, Meta(description="`layout: fence`: as the agents have it; without one they write None.")] | None
    ) = None
    source: Annotated[str, Meta(description="`layout: fence`: written as the `Source` of each message.")] | None = None
    extra_fields: Annotated[
        dict[str, Any], Meta(description="`layout: fence`: attributes written with each message.")
    ] = {}
    tenant: (
        Annotated[str, Meta(description="`layout: fence`: whose table it is, where its keys do not name the tenant.")]
        | None
    ) = None
    space: Annotated[str, Meta(description="`layout: fence`: the space of the routes that use it.")] = "default"
    connect_timeout: Annotated[Duration, Meta(description="Until a connection must stand.")] = msgspec.field(
        default_factory=lambda: Duration("3s")
    )
    timeout: Annotated[Duration, Meta(description="Without a byte of a reply.")] = msgspec.field(
        default_factory=lambda: Duration("10s")
    )

    def __post_init__(self) -> None:
        if (self.table_name is None) == (self.table is None):
            raise ValueError("give `table_name` (or `table`, which means the same): one of the two")
        self.access()
        if self.layout == "fence":
            self.fence_keys()
            if self.sort_key_name is None:
                raise ValueError("`layout: fence` needs a table with a sort key: Fence reads no other")
            if taken := (RESERVED | NAMES | {self.primary_key_name, self.sort_key_name}) & self.extra_fields.keys():
                raise ValueError(f"`extra_fields` cannot be named {', '.join(sorted(taken))}: these are used already")
        elif given := [name for name in _FENCE_ONLY if getattr(self, name)]:
            raise ValueError(f"`{given[0]}` belongs to `layout: fence`")

    def fence_keys(self) -> FenceKeys:
        if self.primary_key_value is None:
            raise ValueError("`layout: fence` needs the `primary_key_value` that its agents have, such as '{user_id}'")
        partition, session = Template(self.primary_key_value), Template(self.sort_key_value)
        names = {*partition.names, *session.names}
        if "session_id" not in names:
            raise ValueError("neither `primary_key_value` nor `sort_key_value` has {session_id}: sessions would be one")
        if ("tenant_id" in names) == (self.tenant is not None):
            raise ValueError(
                "say whose messages these are: give `tenant`, or {tenant_id} in `primary_key_value`, and not both"
            )
        return FenceKeys(partition, session, self.sort_key_value_prefix, self.tenant, self.space)

    def name(self) -> str:
        return self.table_name or self.table or ""

    def access(self) -> Access:
        return Access(
            region=self.region,
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
            connect_timeout=self.connect_timeout.seconds,
            timeout=self.timeout.seconds,
        )


class Dynamodb:
    type_name: ClassVar[str] = "dynamodb"
    Options: ClassVar[type[Any]] = DynamodbOptions
    requires: ClassVar[dict[str, str]] = REQUIRES

    def __init__(self, options: DynamodbOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._layout: Own | Fence | None = None

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        kinds = KINDS_OF[Family.MESSAGE] if options.layout == "fence" else frozenset(Kind)
        replaces = options.layout == "own"
        return Capabilities(kinds=kinds, pinged=True, remote=True, durable=True, shared=True, replaces=replaces)

    async def open(self, stack: AsyncExitStack) -> None:
        options, name = self._options, self._kit.name
        client = await connect(stack, "dynamodb", options.access(), name, settings={"parameter_validation": False})
        partition, sort = options.primary_key_name, options.sort_key_name
        await Opening(client, name, options.name(), partition, sort).ensure(create=options.auto_create)
        table = Table(client, name, options.name(), partition, sort)
        if options.layout == "fence":
            keys = options.fence_keys()
            own = Own(table, FenceStands(keys, options.source, options.extra_fields))
            self._layout = Fence(table, keys, own)
        else:
            self._layout = Own(table if sort is not None else HashTable(table), Plain())
        stack.callback(self._close)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._opened().put(records, self._kit.clock()) if records else []

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`. Of our own layout: the agents of Fence write theirs without asking what is there."""
        layout = self._opened()
        if not isinstance(layout, Own):
            raise TypeError("this layout replaces nothing")  # nobody asks it to: it does not declare it
        stored = await layout.put(records, self._kit.clock(), over=True) if records else []
        if beside and all(stored):
            await self.put(beside)
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        found = await self._opened().get(reach, ids, self._kit.clock()) if ids else {}
        return [found.get(id_) for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._opened().delete(reach, ids, self._kit.clock()) if ids else 0

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._opened().scan(reach, scan, self._kit.clock())

    async def ping(self) -> None:
        await self._opened().ping()

    def _opened(self) -> Own | Fence:
        if self._layout is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._layout

    def _close(self) -> None:
        self._layout = None
