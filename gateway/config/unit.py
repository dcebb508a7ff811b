"""One part of the configuration that stands or falls alone: the gateway, or one tenant. Its text, tree and types."""

from collections.abc import Collection, Iterator
from typing import Any, cast

import msgspec

from gateway.config.diagnostics import Mark
from gateway.config.layers import LayerSource
from gateway.config.located import Located, Where
from gateway.config.model import GatewayFile, Layer, Route, Tenant
from gateway.domain.units import Duration, ImportPath, Secret, Size


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is "" for the gateway. `root` is where the unit starts in its file; `pruned` what did not fit there."""

    owner: str
    located: Located
    root: Where
    pruned: frozenset[Where]
    written: GatewayFile | Tenant

    def mark(self, *where: str | int) -> Mark:
        return self.located.mark(*self.root, *where)

    def key(self, *where: str | int) -> Mark:
        return self.located.key(*self.root, *where)

    def place(self) -> Mark:
        """Where the unit says its own name."""
        return self.key() if self.root else self.mark("tenant")

    def sets(self, *where: str | int) -> bool:
        """Whether a value is written here, and fits."""
        tree: Any = self.located.tree
        for step in (*self.root, *where):
            if not isinstance(tree, dict) or step not in tree:
                return False
            tree = cast("dict[Any, Any]", tree)[step]
        return True

    def lost(self, *where: str | int) -> bool:
        """Whether a value was written here, or around here, that did not fit and was reported."""
        full = (*self.root, *where)
        return any(full[: len(gone)] == gone for gone in self.pruned if len(gone) > len(self.root))

    def lost_below(self, *where: str | int) -> bool:
        full = (*self.root, *where)
        return any(gone[: len(full)] == full for gone in self.pruned)

    def lost_settings(self, keys: Collection[str]) -> bool:
        """Whether something directly in this unit, under one of these keys or one nobody knows, did not fit."""
        depth = len(self.root)
        known = type(self.written).__struct_fields__
        here = (gone[depth] for gone in self.pruned if gone[:depth] == self.root and len(gone) > depth)
        return any(key in keys or key not in known for key in here)

    def lost_names(self, section: str) -> set[str]:
        """Names in a section whose declaration did not fit: known, but not usable."""
        depth = len(self.root)
        return {
            str(gone[depth + 1])
            for gone in self.pruned
            if len(gone) >= depth + 2 and gone[:depth] == self.root and gone[depth] == section
        }

    def layers(self) -> Iterator[tuple[str, Where, Layer]]:
        """Every level written in this unit: its name, its path, and what it sets."""
        if isinstance(self.written, GatewayFile):
            yield "defaults", ("defaults",), self.written.defaults
            for name, profile in self.written.profiles.items():
                yield f"profile {name}", ("profiles", name), profile
            return
        yield "tenant", (), self.written
        for name, route in self.written.routes.items():
            yield "route", ("routes", name), route

    def source(self, name: str, *where: str | int) -> LayerSource | None:
        """A level as a source of settings; None where nothing is written."""
        return LayerSource(name, self.located, (*self.root, *where)) if self.sets(*where) else None

    def route(self, name: str) -> Route:
        return cast("Tenant", self.written).routes[name]


def decode_unit(kind: type[Any], value: Any) -> Any:
    """The quantities of the language from their text; a ValueError says what is wrong with it."""
    if kind in (Duration, Size, Secret, ImportPath) and isinstance(value, str):
        return kind(value)
    raise NotImplementedError(kind)
