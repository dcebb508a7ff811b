"""Holds callers to sizes, rates and daily quotas: of a tenant, of a user of it, or of a credential.

Counts in this process, or with a `url` in a Redis that all workers share. What is refused takes nothing; what is let in
has taken its share, whatever becomes of it afterwards. Knows nothing of what is kept.
"""

import hashlib
from contextlib import AsyncExitStack
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, field

from gateway.domain.errors import TooLarge, TooMany
from gateway.domain.hooking import READS, WRITES, Event, HookContext, Moment, Outcome, before, proceed, refuse
from gateway.domain.ports import Kit
from gateway.domain.record import Record
from gateway.domain.units import Duration, Secret, Size
from gateway.hooks.limit.counting import Asked, Counter, Counting, Refused, Rules
from gateway.hooks.limit.shared import Shared

__all__ = ["Limit"]

_DONE: Final = proceed()
_NEW: Final = frozenset({Event.ADD, Event.APPEND, Event.CHECKPOINT})


class LimitOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: Annotated[
        Literal["tenant", "user", "key"],
        Meta(description="Who is counted: a tenant, each user of it, or each credential."),
    ] = "tenant"
    size: (
        Annotated[Size, Meta(description="Of one item, content and metadata; more is 413 `content_too_large`.")] | None
    ) = None
    rate: Annotated[int, Meta(ge=1, description="Items in each `per`; more is 429 `rate_limited`.")] | None = None
    per: Annotated[Duration, Meta(description="What `rate` is for.")] = field(default_factory=lambda: Duration("1s"))
    burst: Annotated[int, Meta(ge=1, description="Items at once, after a pause. Left out: `rate`.")] | None = None
    records_per_day: (
        Annotated[int, Meta(ge=1, description="New items in a UTC day; more is 429 `quota_used`.")] | None
    ) = None
    bytes_per_day: Annotated[Size, Meta(description="Written in a UTC day; more is 429 `quota_used`.")] | None = None
    url: (
        Annotated[Secret, Meta(description="A Redis that all workers count in together, as of a `redis` provider.")]
        | None
    ) = None
    prefix: Annotated[str, Meta(min_length=1, max_length=100, description="Begins every key in that Redis.")] = "limit:"

    def __post_init__(self) -> None:
        if self.size is None and self.rate is None and self.records_per_day is None and self.bytes_per_day is None:
            raise ValueError("name at least one of `size`, `rate`, `records_per_day` and `bytes_per_day`")
        if self.burst is not None and self.rate is None:
            raise ValueError("`burst` needs a `rate`")
        if self.per.seconds <= 0:
            raise ValueError("`per` must be longer than nothing")
        if self.url is not None and not self.url.reveal().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("`url` begins with redis://, rediss:// or unix://")

    def rules(self) -> Rules:
        rate = self.rate or 0
        return Rules(
            rate=rate / self.per.seconds,
            burst=self.burst or rate,
            records=self.records_per_day or 0,
            bytes=self.bytes_per_day.bytes if self.bytes_per_day is not None else 0,
        )


class Limit:
    """Two requests at the same moment never share what is left for one."""

    type_name: ClassVar[str] = "limit"
    Options: ClassVar[type[LimitOptions]] = LimitOptions
    moments: ClassVar[frozenset[Moment]] = before(*WRITES, *READS, Event.DELETE)
    usual: ClassVar[frozenset[Moment]] = before(*WRITES)

    def __init__(self, options: LimitOptions, kit: Kit) -> None:
        self._options = options
        self._name = kit.name
        self._rules = options.rules()
        self._counts = self._rules != Rules()
        own = Counting(kit.clock)
        self._shared = Shared(options.url.reveal(), options.prefix, kit.name) if options.url is not None else None
        self._counter: Counter = own if self._shared is None else self._shared

    async def open(self, stack: AsyncExitStack) -> None:
        """A Redis that is away then is asked again with each request. Misconfigured without the package."""
        if self._shared is not None:
            await self._shared.open(stack)

    async def run(self, context: HookContext) -> Outcome:
        size = _size(context.record) if context.record is not None else 0
        limit = self._options.size
        if limit is not None and size > limit.bytes:
            return refuse(TooLarge(f"this has {size} bytes; {limit.bytes} are taken", code="content_too_large"))
        if not self._counts:
            return _DONE
        asked = Asked(records=int(context.event in _NEW), bytes=size)
        refused = await self._counter.take(self._subject(context), self._rules, asked)
        return _DONE if refused is None else refuse(_too_many(refused))

    def _subject(self, context: HookContext) -> str:
        """Whose share it is: a hash, so that no name stands in a Redis."""
        match self._options.by:
            case "tenant":
                who = ""
            case "user":
                who = context.user.id if context.user is not None else ""
            case "key":
                who = context.principal.id if context.principal is not None else ""
        named = msgspec.json.encode([self._name, context.tenant, self._options.by, who])
        return hashlib.sha256(named).hexdigest()[:32]


def _size(record: Record) -> int:
    content = len(record.body) if record.body is not None else len(record.text.encode())
    return content + (len(msgspec.json.encode(record.metadata)) if record.metadata else 0)


def _too_many(refused: Refused) -> TooMany:
    headers = {
        "X-RateLimit-Limit": str(refused.limit),
        "X-RateLimit-Remaining": str(refused.remaining),
        "X-RateLimit-Reset": str(refused.reset),
        "Retry-After": str(refused.wait),
    }
    if refused.what == "rate":
        return TooMany("too many at once; try again later", code="rate_limited", headers=headers)
    return TooMany(f"today's quota of {refused.what} is used", code="quota_used", headers=headers)
