"""Making sure of the table before anything is kept in it: there, active, with the keys it should have.

Any number of processes may do this at once. Knows no records.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.errors import Unavailable
from gateway.providers.aws import code_of, in_words
from gateway.providers.dynamodb.forms import TTL

_PAUSE: Final = 0.2
_WAITS: Final = 300  # pauses: a minute


class Opening:
    def __init__(self, client: Any, provider: str, table: str, partition: str, sort: str | None) -> None:
        self._client = client
        self._provider = provider
        self._table = table
        self._keys = {"HASH": partition} | ({"RANGE": sort} if sort is not None else {})

    async def ensure(self, *, create: bool) -> None:
        """Unavailable where the table is not there and may not be made, or has other keys. Idempotent."""
        found = await self._found()
        if found is None:
            if not create:
                raise Unavailable(
                    f"{self._provider}: there is no table {self._table}; make it, or set `auto_create: true`",
                    code="no_table",
                )
            await self._create()
        found = await self._active()
        there = {each["KeyType"]: each["AttributeName"] for each in found["KeySchema"]}
        types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
        if there != self._keys or any(types.get(name) != "S" for name in there.values()):
            raise Unavailable(
                f"{self._provider}: the table {self._table} has the keys {_said(there, types)}; "
                f"this configuration needs {_said(self._keys, {})}",
                code="other_keys",
            )
        if create:
            await self._expire()

    async def _found(self) -> Mapping[str, Any] | None:
        with in_words(self._provider):
            try:
                return (await self._client.describe_table(TableName=self._table))["Table"]
            except Exception as error:
                if code_of(error) == "ResourceNotFoundException":
                    return None
                raise

    async def _create(self) -> None:
        names = self._keys.values()
        with in_words(self._provider):
            try:
                await self._client.create_table(
                    TableName=self._table,
                    AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
                    KeySchema=[{"AttributeName": name, "KeyType": kind} for kind, name in self._keys.items()],
                    BillingMode="PAY_PER_REQUEST",
                )
            except Exception as error:
                if code_of(error) != "ResourceInUseException":  # another process was first
                    raise

    async def _active(self) -> Mapping[str, Any]:
        for _ in range(_WAITS):
            found = await self._found()
            if found is not None and found["TableStatus"] in ("ACTIVE", "UPDATING"):
                return found
            await asyncio.sleep(_PAUSE)
        raise Unavailable(f"{self._provider}: the table {self._table} does not become active", code="no_table")

    async def _expire(self) -> None:
        """Where the table removes nothing by itself yet. One that goes by another attribute keeps doing so."""
        with in_words(self._provider):
            told = await self._client.describe_time_to_live(TableName=self._table)
            if told["TimeToLiveDescription"]["TimeToLiveStatus"] not in ("DISABLED", "DISABLING"):
                return
            try:
                await self._client.update_time_to_live(
                    TableName=self._table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL}
                )
            except Exception as error:
                # Another process was first, or it was switched off within the hour, in which nothing may be changed.
                if code_of(error) != "ValidationException":
                    raise


def _said(keys: Mapping[str, str], types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind}, {types.get(name, 'S')})" for kind, name in keys.items())
