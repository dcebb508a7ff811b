"""Text to Config: the whole way, in one readable order. Reads files and an environment it is handed; nothing else.

Never raises for anything a file may hold. A tenant that does not hold up is left out and named; only the gateway's own
file can refuse everything.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from gateway.config.assembly import Assembly
from gateway.config.catalog import Catalog, Group
from gateway.config.chains import read_chains
from gateway.config.checks import ADVICE, CHECKS
from gateway.config.codes import found
from gateway.config.compiled import Compiled, Config, Plugged, owner_of
from gateway.config.diagnostics import Mark, Severity
from gateway.config.finish import finish
from gateway.config.lint import allow, weigh
from gateway.config.model import GatewayFile
from gateway.config.plugs import LOCAL, built_in, join_embedders, read_plugged
from gateway.config.reading import Account, check_tree, read_file
from gateway.config.references import Rights
from gateway.config.routes import Names, read_tenant
from gateway.config.schema import build_schema
from gateway.config.structure import Shape
from gateway.config.tenants import read_tenants
from gateway.config.unit import Unit, decode_unit


def compile_config(path: Path, env: Mapping[str, str], catalog: Catalog) -> Compiled:
    """`path` is the gateway's file, or the folder that holds it as gateway.yaml."""
    file = path / "gateway.yaml" if path.is_dir() else path
    account = Account()
    gateway = _gateway(account, file, env, catalog)
    if gateway is None:
        return Compiled(
            config=None,
            diagnostics=finish(account.notes, account),
            files=tuple(account.files),
            digest=account.digest(),
            file=file,
            reached="structure" if file in account.trees else "syntax",
        )
    tenants, owners = read_tenants(account, gateway, env, Shape(build_schema("tenant", catalog)))
    assembly = _assemble(account, gateway, tenants, catalog)
    for check in CHECKS:
        account.notes += check(assembly)
    if advised := not any(note.severity is Severity.ERROR for note in account.notes):
        for check in ADVICE:
            account.notes += check(assembly)
    allowances = allow(account, whole=advised)
    compiled = _compiled(account, assembly.config, file, owners)
    told, allowed = weigh(compiled.diagnostics, allowances, gateway)
    return msgspec.structs.replace(compiled, diagnostics=told, allowed=allowed, advised=advised)


def _gateway(account: Account, file: Path, env: Mapping[str, str], catalog: Catalog) -> Unit | None:
    located = read_file(account, file)
    start = Mark(file, 1, 1)
    account.notes += [found("MG0802", start, each, "fix or uninstall that package") for each in catalog.problems]
    if located is None:
        return None
    checked = check_tree(account, located, Shape(build_schema("gateway", catalog)), env, Rights())
    if not checked.fits:
        return None
    written = msgspec.convert(checked.located.tree, GatewayFile, dec_hook=decode_unit)
    return Unit(owner="", located=checked.located, root=(), pruned=checked.pruned, written=written)


def _assemble(account: Account, gateway: Unit, tenants: Mapping[str, Unit], catalog: Catalog) -> Assembly:
    """The config as far as it goes. What is wrong with single declarations is noted on the way."""
    units = {"": gateway, **tenants}
    file = cast("GatewayFile", gateway.written)
    embedders = built_in("embedders", catalog, {LOCAL: "wordllama"})
    strategies = built_in("strategies", catalog, {name: name for name in catalog.strategies})
    providers: dict[str, Plugged] = {}
    for unit in units.values():
        sections: tuple[tuple[Group, dict[str, Plugged]], ...] = (
            ("embedders", embedders), ("providers", providers), ("strategies", strategies),
        )  # fmt: skip
        for group, into in sections:
            plugged, notes = read_plugged(unit, group, catalog)
            into.update(plugged)
            account.notes += notes
    providers, notes = join_embedders(providers, embedders, units)
    account.notes += notes
    chains = read_chains(units, providers)
    names = Names(chains=chains, strategies=strategies, max_top_k=file.policy.max_top_k)
    config = Config(
        server=file.server,
        policy=file.policy,
        plugins=file.plugins,
        embedders=embedders,
        providers=providers,
        chains=chains,
        strategies=strategies,
        tenants={name: read_tenant(unit, gateway, names) for name, unit in sorted(tenants.items())},
        home=gateway.located.text.file.parent,
        digest=account.digest(),
        files=tuple(account.files),
        reload=file.reload,
        admin=file.admin,
    )
    return Assembly(config=config, gateway=gateway, tenants=tenants, catalog=catalog)


def _compiled(account: Account, config: Config, file: Path, owners: Mapping[Path, str]) -> Compiled:
    """Leave out what is broken: by the place of its errors, each part answers for what is written in it."""
    diagnostics = finish(account.notes, account)
    broken: set[str] = set()
    refused = False
    for note in diagnostics:
        if note.severity is not Severity.ERROR:
            continue
        if owner := owner_of(note, file, owners):
            broken.add(owner)
        else:
            refused = True
    whole = {name: tenant for name, tenant in config.tenants.items() if name not in broken}
    kept = frozenset({"", *whole})
    left = msgspec.structs.replace(
        config,
        tenants=whole,
        providers={key: each for key, each in config.providers.items() if each.owner in kept},
        chains={key: each for key, each in config.chains.items() if each.owner in kept},
        strategies={key: each for key, each in config.strategies.items() if each.owner in kept},
    )
    return Compiled(
        config=None if refused else left,
        diagnostics=diagnostics,
        broken=frozenset(broken),
        locked={name: tenant for name, tenant in config.tenants.items() if name in broken},
        files=config.files,
        digest=config.digest,
        file=file,
        owners=owners,
        tenants=frozenset(config.tenants) | broken,
    )
