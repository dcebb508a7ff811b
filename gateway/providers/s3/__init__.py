"""Records as objects in a bucket of S3, or of what speaks as S3 does: one JSON document each; an archive that is a provider.

Newer-only by conditional writes (If-None-Match, If-Match), which the service must have; each record of a batch is atomic,
the batch is not. Every write is two requests, every read one for each record that is not remembered; long listings make
it slow for scopes of tens of thousands of records. What is remembered is used only where the service has just said that
it is still so. Knows nothing of routes, ranking strategies or sealing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Order, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Size
from gateway.providers.archive import Entry, entry_named, in_order, micros, path_of, sorted_entries
from gateway.providers.aws import REQUIRES, Access, connect
from gateway.providers.s3.bucket import Bucket
from gateway.providers.s3.keeping import Keeping
from gateway.providers.s3.remembered import Remembered
from gateway.providers.winnowing import passes, winnowed

__all__ = ["S3"]

_FILTERED: Final = 128  # documents read at once where a filter may drop some


class S3Options(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: Annotated[str, Meta(min_length=3, max_length=63, description="Name of the bucket.")]
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._/-]*$",
            description="What the names of all objects start with. Ends with a slash by itself.",
        ),
    ] = ""
    create_bucket: Annotated[bool, Meta(description="Make the bucket where it is missing.")] = False
    server_side_encryption: (
        Annotated[Literal["AES256", "aws:kms"], Meta(description="How the service encrypts; by itself it uses AES256.")]
        | None
    ) = None
    kms_key_id: Annotated[str, Meta(description="The key of `server_side_encryption: aws:kms`.")] | None = None
    connections: Annotated[
        int, Meta(ge=1, description="Requests at once. Many more hold up whatever else the gateway does.")
    ] = 8
    remember: Annotated[
        Size, Meta(description="Memory for documents that need not be fetched again while they are unchanged.")
    ] = msgspec.field(default_factory=lambda: Size("32MiB"))

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        if self.kms_key_id is not None and self.server_side_encryption != "aws:kms":
            raise ValueError(
                "`kms_key_id` is the key of `server_side_encryption: aws:kms`; say that too, or leave it out"
            )


class S3:
    type_name: ClassVar[str] = "s3"
    Options: ClassVar[type[Any]] = S3Options
    requires: ClassVar[dict[str, str]] = REQUIRES

    def __init__(self, options: S3Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(
            kinds=frozenset(Kind), sweeps=True, pinged=True, remote=True, durable=True, shared=True, replaces=True
        )

    async def open(self, stack: AsyncExitStack) -> None:
        """Looks whether the bucket is there; makes it only where `create_bucket` says so."""
        options, name = self._options, self._kit.name
        # The service's own checks of what travels are MD5 and TLS; newer ones are not understood by all who speak S3.
        settings = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
        client = await connect(stack, "s3", options, name, settings=settings)
        prefix = options.prefix if options.prefix in ("", "/") else options.prefix.strip("/") + "/"
        sealing = {"ServerSideEncryption": options.server_side_encryption, "SSEKMSKeyId": options.kms_key_id}
        self._bucket = Bucket(
            client,
            options.bucket,
            "" if prefix == "/" else prefix,
            {key: value for key, value in sealing.items() if value is not None},
            options.connections,
            name,
        )
        if not await self._bucket.exists():
            if not options.create_bucket:
                raise Unavailable(
                    f"{name}: the bucket is not there; make it, or say `create_bucket: true`", code="s3_no_bucket"
                )
            await self._bucket.create(options.region)
        self._keeping = Keeping(self._bucket, Remembered(options.remember.bytes))

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Each record whole or not at all; where one fails, any of the others may be stored."""
        return await self._put(records, over=False)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`."""
        stored = await self._put(records, over=True)
        if beside and all(stored):
            await self.put(beside)
        return stored

    async def _put(self, records: Sequence[Record], *, over: bool) -> Sequence[bool]:
        now = self._kit.clock()
        by_id: dict[tuple[str, str], list[int]] = {}
        for number, record in enumerate(records):
            by_id.setdefault((record.scope.tenant, record.id), []).append(number)
        answers = [False] * len(records)
        left: list[str] = []

        async def one_after_another(numbers: Sequence[int]) -> None:
            for number in numbers:
                answers[number], useless = await self._keeping.put(records[number], now, over=over)
                left.extend(useless)

        try:
            await _all([lambda numbers=each: one_after_another(numbers) for each in by_id.values()])
        finally:
            await self._bucket.remove_many(left)
        return answers

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._kit.clock()
        found = await self._keeping.of_ids(reach.tenant, ids)
        return [
            each if each is not None and reach.covers(each.scope) and (each.expires_at is None or each.expires_at > now)
            else None
            for each in (found.get(id_) for id_ in ids)
        ]  # fmt: skip

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """Where the bucket keeps versions of objects, it keeps what was deleted here: give it a rule that ends them."""
        now = self._kit.clock()
        there: list[bool] = []
        left: list[str] = []

        async def remove(id_: str) -> None:
            gone, useless = await self._keeping.remove(reach, id_)
            left.extend(useless)
            if gone is not None and (gone.expires_at is None or gone.expires_at > now):
                there.append(True)

        try:
            await _all([lambda id_=each: remove(id_) for each in dict.fromkeys(ids)])
        finally:
            await self._bucket.remove_many(left)
        return len(there)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        """Lists the reach from where the page begins (oldest first, or of several kinds or owners: the whole of it)."""
        now = self._kit.clock()
        survey = self._keeping.survey(reach.tenant)

        async def read(entries: Sequence[Entry]) -> Sequence[Record]:
            return await self._keeping.of_entries(survey, entries, lambda each: passes(each, reach, scan.where, now))

        first = scan.limit + 1 if scan.where.filter is None else max(scan.limit + 1, _FILTERED)
        found = in_order(self._pages(reach, scan), read, order=scan.order, after=scan.after, first=first)
        async with aclosing(found) as candidates:
            return await winnowed(candidates, reach, scan, now)

    async def sweep(self, limit: int) -> int:
        """Lists the index of all tenants, a thousand names in each request."""
        now = self._kit.clock()
        removed = 0
        left: list[str] = []
        async for page in self._bucket.listed("index/"):
            for entry in _entries(page):
                if entry.expires is None or entry.expires > micros(now):
                    continue
                if removed == limit:
                    break
                gone, useless = await self._keeping.remove_due(entry, now)
                removed += gone
                left.extend(useless)
        await self._bucket.remove_many(left)
        return removed

    async def ping(self) -> None:
        await self._bucket.exists()

    async def _pages(self, reach: Reach, scan: Scan) -> AsyncIterator[Sequence[Entry]]:
        """Index entries in the order of the scan."""
        path = path_of(reach)
        known = path[: path.index(None)] if None in path else path
        under = "index/" + "".join(f"{part}/" for part in known)
        if None in path or len(scan.where.kinds) != 1 or scan.order is Order.OLDEST:
            entries = [entry async for page in self._bucket.listed(under) for entry in _entries(page)]
            yield sorted_entries(entries, reach, scan.where.kinds, scan.order, scan.after)
            return
        under += f"{next(iter(scan.where.kinds)).value}/"
        start = "" if scan.after is None else Entry.before(under, scan.after.created_at)
        async for page in self._bucket.listed(under, start):
            yield list(_entries(page))


def _entries(page: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    return filter(None, (entry_named(name.removeprefix("index/")) for name, _ in page))


async def _all(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Every one of them to its end; then the first error there was."""
    for outcome in await asyncio.gather(*(work() for work in works), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
