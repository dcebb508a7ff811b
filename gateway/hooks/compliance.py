"""Holds what is written to rules: metadata that must be there, consent, regions, categories, how long it may be kept;
and to a checker of your own, whose flags are stored and can block.
"""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, cast

import msgspec
from msgspec import UNSET, Meta

from gateway.domain.errors import Misconfigured
from gateway.domain.hooking import (
    WRITES,
    Event,
    HookContext,
    Moment,
    Outcome,
    before,
    modify,
    proceed,
    quarantine,
    reject,
)
from gateway.domain.ports import Kit
from gateway.domain.units import Duration, ImportPath
from gateway.hooks.importing import called, imported

__all__ = ["Compliance"]


class ComplianceOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    require: Annotated[tuple[str, ...], Meta(description="Keys that the metadata must have.")] = ()
    consent: Annotated[str, Meta(description="Key of the metadata that must be true.")] | None = None
    regions: Annotated[tuple[str, ...], Meta(description="What the metadata may have as `region`.")] | None = None
    forbid: Annotated[tuple[str, ...], Meta(description="What it may not have as `category` or `categories`.")] = ()
    max_retention: Annotated[Duration, Meta(description="What is to live longer ends then.")] | None = None
    checker: (
        Annotated[
            ImportPath,
            Meta(description="`package.module:function`: is given the text, gives a list of flags. See plugins.allow."),
        ]
        | None
    ) = None
    block: Annotated[tuple[str, ...], Meta(description="Flags of the checker that are violations; `*` for all.")] = ()
    on_violation: Annotated[
        Literal["reject", "quarantine", "flag"], Meta(description="flag: kept, with what it violates noted on it.")
    ] = "reject"


class Compliance:
    type_name: ClassVar[str] = "compliance"
    Options: ClassVar[type[ComplianceOptions]] = ComplianceOptions
    moments: ClassVar[frozenset[Moment]] = before(*WRITES)
    usual: ClassVar[frozenset[Moment]] = before(Event.ADD, Event.UPDATE, Event.APPEND)

    def __init__(self, options: ComplianceOptions, kit: Kit) -> None:
        self._options = options
        self._checker: Callable[[str], Any] | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        path = self._options.checker
        if path is None:
            return
        self._checker = await imported(path.module, path.name)
        if not callable(self._checker):
            raise Misconfigured(f"checker {path!r} cannot be called", code="bad_import")

    async def run(self, context: HookContext) -> Outcome:
        options = self._options
        if context.record is None:
            return proceed()
        flags = await self._flags(context.memory_content or "")
        wrong = [*self._violations(context.metadata), *(each for each in flags if {each, "*"} & {*options.block})]
        noted = tuple(dict.fromkeys([*flags, *wrong]))
        if wrong and options.on_violation == "reject":
            return reject(f"this may not be kept: {', '.join(wrong)}")
        if wrong and options.on_violation == "quarantine":
            return quarantine(", ".join(wrong), *noted)
        expires = context.record.expires_at
        ends = context.at + timedelta(seconds=options.max_retention.seconds) if options.max_retention else None
        late = ends is not None and (expires is None or expires > ends)
        return modify(expires_at=ends if late else UNSET, flags=noted)

    async def _flags(self, text: str) -> list[str]:
        if self._checker is None:
            return []
        found = await called(self._checker, text)
        return [str(each) for each in cast("list[Any]", found or [])]

    def _violations(self, metadata: dict[str, Any]) -> Iterator[str]:
        options = self._options
        yield from (f"no_{key}" for key in options.require if metadata.get(key) in (None, ""))
        if options.consent is not None and metadata.get(options.consent) is not True:
            yield "no_consent"
        if options.regions is not None and metadata.get("region") not in options.regions:
            yield "region"
        told = metadata.get("categories", metadata.get("category", []))
        named = {str(each) for each in cast("list[Any]", told if isinstance(told, list) else [told])}
        yield from (f"category_{each}" for each in options.forbid if each in named)
