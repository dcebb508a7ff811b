"""One table: reading keys, walking a partition, and writing several items together or not at all.

Reads are always consistent. Knows DynamoDB's limits and errors, and nothing of records or scopes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from gateway.domain.errors import GatewayError, TooMany, Unavailable
from gateway.providers.aws import code_of, in_words
from gateway.providers.dynamodb.keys import Key

Item: TypeAlias = Mapping[str, Any]

MAX_CHANGES: Final = 100  # items in one transaction
MAX_TOGETHER: Final = 3_900_000  # bytes in one transaction; DynamoDB's limit is 4 MB
_GET: Final = 100  # keys in one request
_TURN: Final = 250  # items in one reply: what is read of them in one turn of the event loop
_ATTEMPTS: Final = 8
_PAUSE: Final = 0.02


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An item to put, or without one the removal of what is there.

    It holds `only_if` an attribute has this value, or as a `new` item only where there is none.
    """

    key: Key
    item: Item | None = None
    only_if: tuple[str, Any] | None = None
    new: bool = False


class Table:
    room: Final = MAX_CHANGES

    def __init__(self, client: Any, provider: str, name: str, partition: str, sort: str | None) -> None:
        self._client = client
        self._provider = provider
        self._name = name
        self.partition = partition
        self.sort = sort

    def key_of(self, item: Item) -> Key:
        return Key(item[self.partition]["S"], item[self.sort]["S"] if self.sort is not None else "")

    def keys(self) -> list[str]:
        return [self.partition] if self.sort is None else [self.partition, self.sort]

    def attributes(self, key: Key) -> dict[str, Any]:
        whole = {self.partition: {"S": key.partition}}
        return whole if self.sort is None else {**whole, self.sort: {"S": key.sort}}

    async def get(self, keys: Sequence[Key], names: Sequence[str] = ()) -> dict[Key, Item]:
        """The items that are there. With names, only these attributes and the keys."""
        found: dict[Key, Item] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), _GET):
            wanted: list[Item] = [self.attributes(key) for key in unique[start : start + _GET]]
            async for item in self._batch(wanted, names):
                found[self.key_of(item)] = item
        return found

    async def _batch(self, wanted: Sequence[Item], names: Sequence[str]) -> AsyncIterator[Item]:
        idle = 0
        while wanted:
            asked = {
                "Keys": wanted,
                "ConsistentRead": True,
                **self._projected([*self.keys(), *names], names),
            }
            reply = await self.call("batch_get_item", RequestItems={self._name: asked})
            for item in reply["Responses"].get(self._name, ()):
                yield item
            left = reply.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            # A reply is full at 16 MB, which is progress; one that brings nothing is throttling.
            idle = idle + 1 if len(left) == len(wanted) else 0
            if idle == _ATTEMPTS:
                raise TooMany(f"{self._provider}: the table is over its rate", code="aws_throttled")
            await asyncio.sleep(_PAUSE * 2**idle if idle else 0)
            wanted = left

    async def walk(
        self,
        partition: str,
        names: Sequence[str] = (),
        *,
        between: tuple[str, str] | None = None,
        newest: bool = False,
        first: int = _TURN,
    ) -> AsyncIterator[Sequence[Item]]:
        """Items of a partition by their sort keys, between two of them inclusive; to its end, however long."""
        condition, values = "#p = :p", {":p": {"S": partition}}
        aliases = {"#p": self.partition}
        if between is not None:
            condition += " AND #s BETWEEN :a AND :z"
            values |= {":a": {"S": between[0]}, ":z": {"S": between[1]}}
            aliases["#s"] = self.sort or ""
        projected = self._projected(names, names)
        aliases |= projected.pop("ExpressionAttributeNames", {})
        asked: dict[str, Any] = {
            "TableName": self._name, "KeyConditionExpression": condition, "ExpressionAttributeNames": aliases,
            "ExpressionAttributeValues": values, "ScanIndexForward": not newest, "ConsistentRead": True, **projected,
        }  # fmt: skip
        limit = min(max(1, first), _TURN)
        while True:
            reply = await self.call("query", **asked, Limit=limit)
            yield reply["Items"]
            if "LastEvaluatedKey" not in reply:
                return
            asked["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
            limit = min(2 * limit, _TURN)

    async def everything(self, names: Sequence[str] = ()) -> AsyncIterator[Sequence[Item]]:
        """Every item of the table, in no order."""
        asked: dict[str, Any] = {
            "TableName": self._name, "ConsistentRead": True, "Limit": _TURN, **self._projected(names, names)
        }  # fmt: skip
        while True:
            reply = await self.call("scan", **asked)
            yield reply["Items"]
            if "LastEvaluatedKey" not in reply:
                return
            asked["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    async def change(self, changes: Sequence[Change]) -> bool:
        """All of them or none: False where a condition did not hold, or somebody else changed the same items."""
        try:
            await self._sent("transact_write_items", TransactItems=[self._told(each) for each in changes])
        except _Refused as refused:
            return refused.settle(self._provider)
        return True

    async def remove(self, key: Key, unless: Sequence[str]) -> bool:
        """Whether an item was there that has none of these attributes; it is gone then."""
        names = {f"#n{number}": name for number, name in enumerate(unless)}
        condition = " AND ".join(["attribute_exists(#p)", *(f"attribute_not_exists({alias})" for alias in names)])
        try:
            await self._sent(
                "delete_item", TableName=self._name, Key=self.attributes(key), ConditionExpression=condition,
                ExpressionAttributeNames={"#p": self.partition, **names},
            )  # fmt: skip
        except _Refused as refused:
            return refused.settle(self._provider)
        return True

    async def call(self, verb: str, **asked: Any) -> Any:
        with in_words(self._provider):
            return await getattr(self._client, verb)(**asked)

    async def _sent(self, verb: str, **asked: Any) -> Any:
        with in_words(self._provider):
            try:
                return await getattr(self._client, verb)(**asked)
            except Exception as error:
                if code_of(error) in ("TransactionCanceledException", "ConditionalCheckFailedException"):
                    raise _Refused(error) from None
                raise

    def _told(self, change: Change) -> dict[str, Any]:
        told: dict[str, Any] = {"TableName": self._name}
        if change.only_if is not None:
            name, value = change.only_if
            told |= {
                "ConditionExpression": "#c = :c",
                "ExpressionAttributeNames": {"#c": name},
                "ExpressionAttributeValues": {":c": value},
            }
        elif change.new:
            told |= {
                "ConditionExpression": "attribute_not_exists(#c)",
                "ExpressionAttributeNames": {"#c": self.partition},
            }
        if change.item is None:
            return {"Delete": {**told, "Key": self.attributes(change.key)}}
        return {"Put": {**told, "Item": {**self.attributes(change.key), **change.item}}}

    def _projected(self, shown: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
        if not names:
            return {}
        aliases = {f"#n{number}": name for number, name in enumerate(dict.fromkeys(shown))}
        return {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}


class _Refused(Exception):
    """A write that changed nothing, and why."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        answer: Mapping[str, Any] = getattr(error, "response", {})
        reasons = answer.get("CancellationReasons") or [{"Code": code_of(error)}]
        self._codes = {str(reason.get("Code")) for reason in reasons} - {"None"}

    def settle(self, provider: str) -> bool:
        """False where trying again on what is there now makes sense; else it raises."""
        if self._codes & {"ProvisionedThroughputExceeded", "ThrottlingError"}:
            raise TooMany(f"{provider}: the table is over its rate", code="aws_throttled")
        rest = self._codes - {"ConditionalCheckFailed", "ConditionalCheckFailedException", "TransactionConflict"}
        if rest:
            raise self._failed(provider, rest)
        return False

    @staticmethod
    def _failed(provider: str, codes: set[str]) -> GatewayError:
        return Unavailable(f"{provider}: the table refused the write ({', '.join(sorted(codes))})", code="aws_refused")
