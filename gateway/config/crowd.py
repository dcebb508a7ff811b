"""What tenants may meet in: credentials, files, the gateway's declarations. The little of each that all are held by.

Small on purpose: it is kept for every tenant, so that a change of one asks only this of the others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.assembly import Assembly
from gateway.config.diagnostics import Mark, Related
from gateway.config.keyrings import STORE_PATH
from gateway.config.unit import Unit

MANY: Final = 8  # places named beside each; thousands may share one mistake


class Resource(msgspec.Struct, frozen=True):
    """Something that only one provider may hold, as the provider names it."""

    name: str
    provider: str
    mark: Mark


class Stake(msgspec.Struct, frozen=True, kw_only=True):
    """Of one unit. `uses` are the sections and names of the gateway's declarations that its routes need."""

    owner: str
    keys: tuple[tuple[str, Mark], ...] = ()  # the hash of each API key, and its place
    open: Mark | None = None
    resources: tuple[Resource, ...] = ()
    uses: frozenset[tuple[str, str]] = frozenset()


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """All units together: the gateway and every tenant that stands in one place."""

    gateway: Unit
    home: Path
    stakes: Sequence[Stake]  # the gateway's first

    def tenants(self) -> Sequence[Stake]:
        return self.stakes[1:]


def stake_of(assembly: Assembly, uses: frozenset[tuple[str, str]]) -> Stake:
    resources = tuple(
        Resource(resource, provider.name, provider.mark)
        for provider in assembly.declared("providers")
        for resource in sorted(provider.plugin.capabilities(provider.options).exclusive)
        if provider.mark
    )
    for name, unit in assembly.tenants.items():
        auth = assembly.written(name).auth
        keys = tuple((key.hash, unit.mark("auth", "api_keys", n, "hash")) for n, key in enumerate(auth.api_keys))
        at = unit.mark("auth", "mode") if auth.mode == "open" else None
        return Stake(owner=name, keys=keys, open=at, resources=resources, uses=uses)
    return Stake(owner="", resources=(*resources, *_own_store(assembly)), uses=uses)


def _own_store(assembly: Assembly) -> tuple[Resource, ...]:
    """The file of the keyrings that name no store: one for all of them."""
    for name, ring in assembly.file().keyrings.items():
        if ring.store is None:
            mark = assembly.gateway.mark("keyrings", name)
            return (Resource(f"file:{STORE_PATH}", f"keyrings.{name}", mark),)
    return ()


def others(places: Sequence[tuple[Mark, str]], own: Mark) -> tuple[Related, ...]:
    """The first of the other places, each with what to say of it."""
    near = [Related(mark, what) for mark, what in places[: MANY + 1] if mark != own]
    return tuple(near[:MANY])
