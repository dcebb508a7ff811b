"""Records in one DynamoDB table.

What is acknowledged was written in one transaction with the place that finds it. All reads are consistent. The table
removes what has expired in its own time, within days; reading goes by the clock. `layout: fence` reads and writes the
tables of Fence's agents. Knows nothing of routes, ranking or sealing.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Secret
from gateway.providers.aws import REQUIRES, Access, connect
from gateway.providers.dynamodb.opening import Opening
from gateway.providers.dynamodb.own import Own, Plain
from gateway.providers.dynamodb.table import Table

__all__ = ["Dynamodb"]


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
    connect_timeout: Annotated[float, Meta(gt=0, description="Seconds until a connection must stand.")] = 3.0
    timeout: Annotated[float, Meta(gt=0, description="Seconds without a byte of a reply.")] = 10.0

    def __post_init__(self) -> None:
        if (self.table_name is None) == (self.table is None):
            raise ValueError("give `table_name` (or `table`, which means the same): one of the two")
        self.access()

    def name(self) -> str:
        return self.table_name or self.table or ""

    def access(self) -> Access:
        return Access(
            region=self.region,
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
            connect_timeout=self.connect_timeout,
            timeout=self.timeout,
        )


class Dynamodb:
    type_name: ClassVar[str] = "dynamodb"
    Options: ClassVar[type[Any]] = DynamodbOptions
    requires: ClassVar[dict[str, str]] = REQUIRES

    def __init__(self, options: DynamodbOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._layout: Own | None = None
        self._client: Any = None

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(kinds=frozenset(Kind), pinged=True, durable=True, shared=True)

    async def open(self, stack: AsyncExitStack) -> None:
        options, name = self._options, self._kit.name
        client = await connect(stack, "dynamodb", options.access(), name, settings={"parameter_validation": False})
        await Opening(client, name, options.name(), "PK", "SK").ensure(create=options.auto_create, expiry=True)
        self._client = client
        self._layout = Own(Table(client, name, options.name(), "PK", "SK"), Plain())
        stack.callback(self._close)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._opened().put(records, self._kit.clock()) if records else []

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        found = await self._opened().get(reach, ids, self._kit.clock()) if ids else {}
        return [found.get(id_) for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._opened().delete(reach, ids, self._kit.clock()) if ids else 0

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._opened().scan(reach, scan, self._kit.clock())

    async def ping(self) -> None:
        layout = self._opened()
        await layout.ping()

    def _opened(self) -> Own:
        if self._layout is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._layout

    def _close(self) -> None:
        self._layout = self._client = None
