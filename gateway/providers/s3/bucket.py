"""A bucket: objects by name, written only where they are as they were known. No more requests at once than told.

Names are below the prefix. Knows no records; says failures in words.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.providers.aws import code_of, in_words
from gateway.providers.s3.listing import listing_of, take_over

_ABSENT: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_CHANGED: Final = frozenset({"409", "412", "ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed"})
_MADE: Final = frozenset({"BucketAlreadyOwnedByYou"})
_MANY: Final = 1000  # names in one request, the service's own bound


class Stored(msgspec.Struct, frozen=True):
    etag: str
    content: bytes


class Bucket:
    def __init__(
        self, client: Any, bucket: str, prefix: str, sealing: Mapping[str, str], at_once: int, name: str
    ) -> None:
        take_over(client)
        _send_at_once(client)
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._sealing = dict(sealing)
        self._turn = asyncio.Semaphore(at_once)
        self._name = name

    async def exists(self) -> bool:
        return await self._unless(_ABSENT, self._client.head_bucket) is not None

    async def create(self, region: str | None) -> None:
        # The oldest region is the one that must not be named.
        where = {} if region in (None, "us-east-1") else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await self._unless(_MADE, self._client.create_bucket, **where)

    async def get(self, name: str) -> Stored | None:
        async with self._turn:
            with in_words(self._name):
                try:
                    answer = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
                    async with answer["Body"] as body:
                        content: bytes = await body.read()
                except self._client.exceptions.ClientError as error:
                    if code_of(error) in _ABSENT:
                        return None
                    raise
        return Stored(answer["ETag"].strip('"'), content)

    async def put(self, name: str, content: bytes, *, over: str | None) -> str | None:
        """Over the object of this etag; with None, only where nothing is. The new etag; None where it is otherwise."""
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        answer = await self._unless(
            _CHANGED,
            self._client.put_object,
            Key=self._prefix + name,
            Body=content,
            ContentType="application/json",
            **condition,
            **self._sealing,
        )
        return None if answer is None else answer["ETag"].strip('"')

    async def put_empty(self, name: str) -> None:
        await self._unless(frozenset(), self._client.put_object, Key=self._prefix + name, Body=b"", **self._sealing)

    async def remove(self, name: str, etag: str) -> bool:
        """False where it is no longer the object of this etag."""
        key = self._prefix + name
        return await self._unless(_CHANGED, self._client.delete_object, Key=key, IfMatch=f'"{etag}"') is not None

    async def remove_many(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), _MANY):
            keys = [{"Key": self._prefix + name} for name in names[start : start + _MANY]]
            await self._unless(frozenset(), self._client.delete_objects, Delete={"Objects": keys, "Quiet": True})

    async def listed(self, under: str, after: str = "") -> AsyncGenerator[list[tuple[str, str]]]:
        """Names and etags, a page at a time, in order of their bytes."""
        query: dict[str, Any] = {"Prefix": self._prefix + under, "MaxKeys": _MANY}
        if after:
            query["StartAfter"] = self._prefix + after
        while True:
            page = listing_of(await self._unless(frozenset(), self._client.list_objects_v2, **query))
            yield [(name[len(self._prefix) :], etag) for name, etag in page.found]
            if page.next is None:
                return
            query["ContinuationToken"] = page.next

    async def _unless(self, codes: frozenset[str], operation: Any, **fields: Any) -> Any:
        """The answer; None where the service refuses with one of the codes."""
        async with self._turn:
            with in_words(self._name):
                try:
                    return await operation(Bucket=self._bucket, **fields)
                except self._client.exceptions.ClientError as error:
                    if code_of(error) in codes:
                        return None
                    raise


def _send_at_once(client: Any) -> None:
    """Bodies go with their headers. The driver would first wait to be told to go on, without any limit of time, and a
    document is smaller than what that round trip costs."""
    from botocore.handlers import (  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
        add_expect_header,  # pyright: ignore[reportUnknownVariableType] -- the driver has none
    )

    client.meta.events.unregister("before-call.s3", add_expect_header)
