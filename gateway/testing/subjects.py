"""What the clauses run against: a provider, the options it is built with, and the server it needs.

`against` says what a green row proves: `real` is the thing itself, `stand-in` something that answers like it; `through`
says in a few words what that was. Everything else a clause must know (whether reopening means something, whether
processes may share) the provider declares in its capabilities.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.domain.ids import Clock
from gateway.domain.ports import Capabilities, Kit, Provider

DIMENSION = 8
MANY = 6_000


class Absent(Exception):
    """This server cannot be started here; the text says what would be needed."""


class Place(msgspec.Struct, frozen=True):
    """Where one test's data lives: a folder, a name no other test has, and what the server told about itself."""

    home: Path
    token: str
    server: Mapping[str, str] = {}


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    plugin: str  # "module:Class"
    against: Literal["real", "stand-in"]
    through: str = ""  # in words: "valkey 9", "our own wire server"
    options: Callable[[Place], dict[str, Any]]  # as they stand in YAML
    server: Callable[[Path], AbstractContextManager[Mapping[str, str]]] | None = None  # started once per run
    many: int = MANY  # records of which there are many; fewer where a stand-in is slow
    spared: frozenset[str] = frozenset()  # clauses not run on it, for the time they take there: the matrix says so
    themes: frozenset[str] = (
        frozenset()
    )  # of a second way to run a provider: those in which it can differ; none for all

    def build(self, place: Place, clock: Clock) -> Provider:
        plugin = self._plugin()
        kit = Kit(name=self.name, clock=clock, home=place.home, dimension=DIMENSION)
        return plugin(self._options(place), kit)

    def capabilities(self, place: Place) -> Capabilities:
        return self._plugin().capabilities(self._options(place))

    @asynccontextmanager
    async def opened(self, place: Place, clock: Clock) -> AsyncGenerator[Provider]:
        provider = self.build(place, clock)
        async with AsyncExitStack() as stack:
            await provider.open(stack)
            yield provider

    def _plugin(self) -> Any:
        module, name = self.plugin.split(":")
        return getattr(import_module(module), name)

    def _options(self, place: Place) -> Any:
        return msgspec.convert(self.options(place), self._plugin().Options, dec_hook=lambda kind, text: kind(text))
