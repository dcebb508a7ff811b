"""The service's data plane: its operations, whole listings, and failures in words. Knows no records of the gateway."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.domain.errors import TooLarge, Unavailable
from gateway.providers.aws import code_of, in_words

_BATCH: Final = 100  # records written in one request, the service's own bound
_PAGE: Final = 50  # read in one: the driver takes the event loop 0.2 ms for each
_ABSENT: Final = frozenset({"ResourceNotFoundException"})
_TOO_LARGE: Final = frozenset({"413", "RequestEntityTooLargeException", "ServiceQuotaExceededException"})


class Plane:
    def __init__(self, client: Any, memory: str, at_once: int, name: str) -> None:
        self._client = client
        self._memory = memory
        self._turn = asyncio.Semaphore(at_once)
        self._name = name

    def actors(self) -> AsyncGenerator[list[dict[str, Any]]]:
        return self._listed(self._client.list_actors, "actorSummaries")

    def sessions(self, actor: str) -> AsyncGenerator[list[dict[str, Any]]]:
        return self._listed(self._client.list_sessions, "sessionSummaries", actorId=actor)

    def events(
        self, actor: str, session: str, tags: Mapping[str, str], having: str = ""
    ) -> AsyncGenerator[list[dict[str, Any]]]:
        """Those whose metadata has these values, and the field `having` where one is named."""
        fields: dict[str, Any] = {"actorId": actor, "sessionId": session, "includePayloads": True}
        tests = equal(tags) + ([{"left": {"metadataKey": having}, "operator": "EXISTS"}] if having else [])
        if tests:
            fields["filter"] = {"eventMetadata": tests}
        return self._listed(self._client.list_events, "events", **fields)

    async def create_event(self, actor: str, session: str, *, token: str, at: datetime, **fields: Any) -> None:
        """Once, however often it is asked for with the same token."""
        await self._ask(
            self._client.create_event, actorId=actor, sessionId=session, clientToken=token, eventTimestamp=at, **fields
        )

    async def delete_event(self, actor: str, session: str, event: str) -> bool:
        answer = await self._ask(self._client.delete_event, actorId=actor, sessionId=session, eventId=event)
        return answer is not None

    def records(self, namespace: str, *, exact: bool, tags: Mapping[str, str]) -> AsyncGenerator[list[dict[str, Any]]]:
        """Memory records in the namespace, or under it; whose metadata has these values (of indexed keys)."""
        where: dict[str, Any] = {"namespace" if exact else "namespacePath": namespace}
        if tags:
            where["metadataFilters"] = equal(tags)
        return self._listed(self._client.list_memory_records, "memoryRecordSummaries", **where)

    async def due_records(self, before: float) -> AsyncGenerator[list[dict[str, Any]]]:
        test = {
            "left": {"metadataKey": "expires"},
            "operator": "LESS_THAN_OR_EQUALS",
            "right": {"metadataValue": {"numberValue": before}},
        }
        listed = self._listed(
            self._client.list_memory_records, "memoryRecordSummaries", namespacePath="/", metadataFilters=[test]
        )
        async for page in listed:
            yield page

    async def create_records(self, records: Sequence[dict[str, Any]], token: str) -> None:
        for number, some in enumerate(_batches(records)):
            answer = await self._ask(
                self._client.batch_create_memory_records, records=some, clientToken=f"{token}-{number}"
            )
            self._check(answer)

    async def update_records(self, records: Sequence[dict[str, Any]]) -> None:
        for some in _batches(records):
            self._check(await self._ask(self._client.batch_update_memory_records, records=some))

    async def delete_records(self, ids: Sequence[str]) -> int:
        """The number that were there."""
        removed = 0
        for some in _batches([{"memoryRecordId": each} for each in ids]):
            answer = await self._ask(self._client.batch_delete_memory_records, records=some)
            removed += 0 if answer is None else len(answer["successfulRecords"])
        return removed

    async def retrieve(
        self, namespace: str, *, exact: bool, question: str, top: int, **more: Any
    ) -> list[dict[str, Any]]:
        criteria = {"searchQuery": question, "topK": top, **more}
        where: dict[str, Any] = {"namespace" if exact else "namespacePath": namespace}
        answer = await self._ask(self._client.retrieve_memory_records, searchCriteria=criteria, **where)
        return [] if answer is None else answer["memoryRecordSummaries"]

    async def ping(self) -> None:
        await self._ask(self._client.list_actors, maxResults=1)

    async def _listed(self, operation: Any, key: str, **fields: Any) -> AsyncGenerator[list[dict[str, Any]]]:
        token: dict[str, str] = {}
        while True:
            answer = await self._ask(operation, maxResults=_PAGE, **fields, **token)
            if answer is None:
                return
            yield answer[key]
            if not answer.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    async def _ask(self, operation: Any, **fields: Any) -> Any:
        """The answer; None where what was asked for is not there."""
        async with self._turn:
            with in_words(self._name):
                try:
                    return await operation(memoryId=self._memory, **fields)
                except self._client.exceptions.ClientError as error:
                    if code_of(error) in _TOO_LARGE:
                        raise TooLarge(
                            f"{self._name}: the service does not take so much", code="agentcore_size"
                        ) from None
                    if code_of(error) in _ABSENT:
                        return None
                    raise

    def _check(self, answer: Any) -> None:
        if answer is None:
            raise Unavailable(f"{self._name}: the service does not know the memory or record", code="agentcore_absent")
        if answer["failedRecords"]:
            raise Unavailable(f"{self._name}: the service did not store every record", code="agentcore_partly")


def equal(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """At most five: the service takes no more, and whoever asks tests the rest."""
    return [
        {"left": {"metadataKey": name}, "operator": "EQUALS_TO", "right": {"metadataValue": {"stringValue": value}}}
        for name, value in list(tags.items())[:5]
    ]


def _batches(records: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
    return [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
