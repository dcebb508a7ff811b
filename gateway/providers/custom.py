"""A provider class of the operator's own, named by its import path: the four verbs, and the gateway does the rest.

What may be imported is the gateway file's rule, checked before anything is. A class that can search by itself, or is
to be known by a type of its own, comes in a package with an entry point instead.
"""

import asyncio
import importlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.domain.ports import Capabilities, Kit, Page, Provider, Scan
from gateway.domain.record import KINDS_OF, Family, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Duration, ImportPath, Secret, Size

__all__ = ["Custom"]

_VERBS: Final = ("put", "get", "delete", "scan", "open")


class CustomOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: Annotated[ImportPath, Meta(description="The class, as package.module:Name.")]
    kinds: Annotated[tuple[Family, ...], Meta(min_length=1, description="What it can keep.")] = tuple(Family)
    remote: Annotated[bool, Meta(description="Whether it is behind a network, and so guarded.")] = False
    durable: Annotated[bool, Meta(description="Whether what it has acknowledged outlives the process.")] = False
    options: Annotated[
        dict[str, Any], Meta(description="Its own: read into its `Options` where it has one, else given as they are.")
    ] = {}


class Custom:
    """Made as any provider is, with (options, kit). Misconfigured where it cannot be imported, made or called."""

    type_name: ClassVar[str] = "custom"
    Options: ClassVar[type[CustomOptions]] = CustomOptions

    def __init__(self, options: CustomOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._made: Provider | None = None

    @classmethod
    def capabilities(cls, options: CustomOptions) -> Capabilities:
        """What it could do beyond the four verbs is not asked: nothing is imported to check a configuration."""
        kinds = frozenset(kind for family in options.kinds for kind in KINDS_OF[family])
        return Capabilities(kinds=kinds, remote=options.remote, durable=options.durable)

    async def open(self, stack: AsyncExitStack) -> None:
        made = await asyncio.to_thread(self._make)
        await made.open(stack)
        self._made = made

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._own().put(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._own().get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._own().delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await self._own().scan(reach, scan)

    def _own(self) -> Provider:
        if self._made is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._made

    def _make(self) -> Provider:
        path = self._options.provider
        try:
            kind: Any = getattr(importlib.import_module(path.module), path.name)
        except Exception as error:
            raise Misconfigured(f"{path!r} cannot be imported: {type(error).__name__}", code="bad_provider") from error
        lacking = [verb for verb in _VERBS if not callable(getattr(kind, verb, None))]
        if not isinstance(kind, type) or lacking:
            raise Misconfigured(f"{path!r} is no provider: it lacks {', '.join(lacking)}", code="bad_provider")
        return self._built(kind)

    def _built(self, kind: Any) -> Provider:
        options: Any = self._options.options
        declared = getattr(kind, "Options", None)
        try:
            if declared is not None:
                options = msgspec.convert(options, declared, dec_hook=_unit)
            return kind(options, self._kit)
        except Exception as error:
            # Its own words may quote a credential.
            what = f"{self._options.provider!r} refuses its options: {type(error).__name__}"
            raise Misconfigured(what, code="bad_provider") from error


def _unit(kind: type[Any], value: Any) -> Any:
    if kind in (Duration, Size, Secret, ImportPath) and isinstance(value, str):
        return kind(value)
    raise NotImplementedError(kind)
