"""Small plugin classes with the traits that the built-in ones happen not to have, and a catalogue with both."""

import asyncio
from contextlib import AsyncExitStack
from functools import cache
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from gateway.config.catalog import Catalog
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit
from gateway.domain.record import KINDS_OF, Family, Kind
from gateway.domain.units import Duration, ImportPath, Secret, Size


class VaultOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = "http://localhost"
    key: Secret
    pool: Annotated[int, Meta(ge=1, le=64)] = 4
    ratio: float = 0.5
    shared: bool = False
    timeout: Duration | None = None
    budget: Size | None = None
    hook: ImportPath | None = None
    fallback: Secret | None = None


class Vault:
    """Has a key of every type."""

    type_name: ClassVar[str] = "vault"
    Options: ClassVar[type[VaultOptions]] = VaultOptions

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        del options
        return Capabilities(kinds=frozenset(Kind))


class ShelfOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    low: int = 0
    high: int = 10

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class Shelf:
    """Keeps messages only, in a file of its own, and refuses options that contradict each other."""

    type_name: ClassVar[str] = "shelf"
    Options: ClassVar[type[ShelfOptions]] = ShelfOptions

    @classmethod
    def capabilities(cls, options: ShelfOptions) -> Capabilities:
        return Capabilities(kinds=KINDS_OF[Family.MESSAGE], exclusive=frozenset({f"file:{options.path}"}))


class DistantOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Distant:
    """Needs a package that nobody has."""

    type_name: ClassVar[str] = "distant"
    Options: ClassVar[type[DistantOptions]] = DistantOptions
    requires: ClassVar[dict[str, str]] = {"no_such_driver": "distant"}

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        del options
        return Capabilities(kinds=frozenset(Kind))


class Shut(Distant):
    """Never opens. Its words may be told, but for the credential in them."""

    type_name: ClassVar[str] = "shut"
    requires: ClassVar[dict[str, str]] = {}

    def __init__(self, options: DistantOptions, kit: Kit) -> None:
        del options, kit

    async def open(self, stack: AsyncExitStack) -> None:
        raise Unavailable("nobody answers at redis://user:canary@cache:6379")


class Deaf(Shut):
    """Opens for ever."""

    type_name: ClassVar[str] = "deaf"

    async def open(self, stack: AsyncExitStack) -> None:
        await asyncio.Event().wait()


class Mute(Shut):
    """An embedder that fails in words of its own, which may hold anything."""

    type_name: ClassVar[str] = "mute"
    dimension: ClassVar[int] = 8

    async def open(self, stack: AsyncExitStack) -> None:
        raise RuntimeError("canary")


@cache
def catalog(*problems: str) -> Catalog:
    """Everything built in, and the classes above."""
    known = Catalog.builtin()
    embedders: dict[str, type[Any]] = {**known.embedders, "mute": Mute}
    extra: dict[str, type[Any]] = {each.type_name: each for each in (Vault, Shelf, Distant, Shut, Deaf)}
    return msgspec.structs.replace(
        known, providers={**known.providers, **extra}, embedders=embedders, problems=problems
    )
