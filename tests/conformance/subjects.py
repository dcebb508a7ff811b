"""What the clauses run against: one line for each provider and way of running it.

`against` says what a green row proves: `real` is the thing itself, `stand-in` something that answers like it; `through`
says in a few words what that was.
Everything else a clause must know (whether reopening means something, whether processes may share) the provider
declares in its capabilities. A third party's suite may hold subjects of its own: `--conformance-subjects=module:NAME`.
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


SUBJECTS = (
    Subject(name="memory", plugin="gateway.providers.memory:Memory", against="real", options=lambda _: {}),
    Subject(
        name="sqlite", plugin="gateway.providers.sqlite:Sqlite", against="real", options=lambda _: {"path": "data/m.db"}
    ),
)
