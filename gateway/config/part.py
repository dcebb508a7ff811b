"""One unit to its part of the config: declarations, routes, and what the checks find in it.

Depends on the unit and on the gateway's part, never on another tenant: so it can be kept until one of the two changes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.config.assembly import Assembly, firm_routes
from gateway.config.catalog import AS_THEY_ARE, PLAIN, Catalog, Plain
from gateway.config.chains import read_chains
from gateway.config.checks import ADVICE, CHECKS
from gateway.config.checks.unused import uses_of
from gateway.config.compiled import ChainConfig, Config, Plugged, TenantConfig
from gateway.config.crowd import Stake, stake_of
from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.finish import finish
from gateway.config.keyrings import read_keyrings
from gateway.config.model import GatewayFile
from gateway.config.plugs import LOCAL, Missing, built_in, join_embedders, read_plugged, volatile
from gateway.config.reading import Page
from gateway.config.routes import Levels, Names, read_tenant
from gateway.config.structure import Shape
from gateway.config.unit import Unit


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`tenant` is None for the gateway's part. `advice` waits until nothing is broken anywhere."""

    tenant: TenantConfig | None = None
    providers: Mapping[str, Plugged] = {}
    chains: Mapping[str, ChainConfig] = {}
    strategies: Mapping[str, Plugged] = {}
    summarizers: Mapping[str, Plugged] = {}
    hooks: Mapping[str, Plugged] = {}
    upstreams: Mapping[str, Plugged] = {}
    notes: tuple[Diagnostic, ...] = ()
    advice: tuple[Diagnostic, ...] = ()
    stake: Stake


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all tenants stand on: the gateway's unit and part. `config` holds its declarations, and no tenants."""

    unit: Unit
    page: Page
    part: Part
    shape: Shape  # of tenants' files
    config: Config
    catalog: Catalog
    missing: Missing

    def file(self) -> GatewayFile:
        return cast("GatewayFile", self.unit.written)


def gateway_part(unit: Unit, page: Page, home: Path, shape: Shape, catalog: Catalog, missing: Missing) -> Ground:
    file = cast("GatewayFile", unit.written)
    notes: list[Diagnostic] = []
    embedders = built_in("embedders", catalog, {LOCAL: "wordllama"})
    own, more = read_plugged(unit, "embedders", catalog, missing)
    embedders |= own
    notes += more
    providers, more = read_plugged(unit, "providers", catalog, missing)
    notes += more
    providers |= volatile(file.providers, catalog)
    plain: dict[Plain, dict[str, Plugged]] = {}
    for group in PLAIN:
        known = built_in(group, catalog, {name: name for name in catalog.of(group)}) if group in AS_THEY_ARE else {}
        own, more = read_plugged(unit, group, catalog, missing)
        plain[group] = known | own
        notes += more
    providers, more = join_embedders(providers, embedders, unit, unit)
    notes += more
    config = Config(
        server=file.server,
        policy=file.policy,
        plugins=file.plugins,
        embedders=embedders,
        providers=providers,
        chains=read_chains(unit, providers, providers),
        **plain,
        reload=file.reload,
        admin=file.admin,
        issuers=file.issuers,
        jobs=file.jobs,
        receipts=file.receipts,
        faces=file.faces,
        tenants={},
        keyrings=read_keyrings(file, providers, catalog),
        home=home,
        digest="",
        files=(),
    )
    sections = {"embedders": embedders, "providers": providers, **plain}
    assembly = Assembly(config=config, gateway=unit, tenants={}, own=sections, firm={}, catalog=catalog)
    notes += [note for check in CHECKS for note in check(assembly)]
    part = Part(notes=finish([*page.notes, *notes], [page]), stake=stake_of(assembly, frozenset()))
    return Ground(unit=unit, page=page, part=part, shape=shape, config=config, catalog=catalog, missing=missing)


class Parts:
    """Makes the parts of tenants that stand on one ground. Belongs to one compilation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._levels = Levels(ground.unit, ground.config.policy.max_top_k)
        self._taken: dict[tuple[str, str], str] = {}
        self._uses: dict[frozenset[tuple[str, str]], frozenset[tuple[str, str]]] = {}

    def make(self, unit: Unit, page: Page, seal: str) -> Part:
        """`seal` is a digest of all that the unit was made from."""
        ground = self._ground
        above, gateway = ground.config, ground.unit
        providers, notes = read_plugged(unit, "providers", ground.catalog, ground.missing)
        plain: dict[Plain, dict[str, Plugged]] = {}
        for group in PLAIN:
            plain[group], more = read_plugged(unit, group, ground.catalog, ground.missing)
            notes += more
        providers, more = join_embedders(providers, above.embedders, unit, gateway)
        notes += more
        visible = {**above.providers, **providers} if providers else above.providers
        own = read_chains(unit, providers, visible)
        chains = {**above.chains, **own} if own else above.chains
        seen = {
            group: {**getattr(above, group), **plain[group]} if plain[group] else getattr(above, group)
            for group in PLAIN
        }
        names = Names(chains=chains, providers=visible, **seen)
        tenant = read_tenant(unit, self._levels, names)
        assembly = Assembly(
            config=msgspec.structs.replace(
                above,
                providers=visible,
                chains=chains,
                **seen,
                tenants={tenant.name: tenant},
            ),
            gateway=gateway,
            tenants={tenant.name: unit},
            own={"embedders": {}, "providers": providers, **plain},
            firm={tenant.name: firm_routes(unit, gateway, tenant)},
            catalog=ground.catalog,
        )
        notes += [note for check in CHECKS for note in check(assembly)]
        uses: frozenset[tuple[str, str]] = frozenset()
        advice: list[Diagnostic] = []
        if not is_broken((*ground.page.notes, *ground.part.notes, *page.notes, *notes)):
            uses = self._shared(uses_of(assembly))
            advice = [note for check in ADVICE for note in check(assembly)]
        pages = (ground.page, page)
        return Part(
            tenant=msgspec.structs.replace(tenant, digest=self._digest(seal, uses)),
            providers=providers,
            chains=own,
            **plain,
            notes=finish(notes, pages),
            advice=finish(advice, pages),
            stake=stake_of(assembly, uses),
        )

    def _shared(self, uses: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        return self._uses.setdefault(uses, uses)

    def _digest(self, seal: str, uses: frozenset[tuple[str, str]]) -> str:
        """Of the unit, of what holds for every tenant, and of what this one uses."""
        everybody = (("", "defaults"), ("", "policy"), ("", "keyrings"))
        parts = [seal, *(self._of(*each) for each in (*everybody, *sorted(uses)))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _of(self, section: str, name: str) -> str:
        found = self._taken.get((section, name))
        if found is None:
            tree: Any = self._ground.unit.located.tree
            below = tree.get(section, {}) if section else tree
            text = json.dumps([section, name, below.get(name)], sort_keys=True)
            found = self._taken[section, name] = hashlib.sha256(text.encode()).hexdigest()
        return found


def is_broken(notes: Sequence[Diagnostic]) -> bool:
    return any(note.severity is Severity.ERROR for note in notes)
