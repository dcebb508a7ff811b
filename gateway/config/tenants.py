"""The tenants of a gateway: those that stand in its own file, and those in files it includes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.config.codes import found
from gateway.config.diagnostics import Related
from gateway.config.includes import included
from gateway.config.located import Located
from gateway.config.model import GatewayFile, TenantFile
from gateway.config.reading import Account, check_tree, read_file
from gateway.config.references import Rights
from gateway.config.structure import Shape
from gateway.config.unit import Unit, decode_unit


def read_tenants(
    account: Account, gateway: Unit, env: Mapping[str, str], shape: Shape
) -> tuple[dict[str, Unit], dict[Path, str]]:
    """The units of the tenants that can be read, and the tenant that each included file is for."""
    file = cast("GatewayFile", gateway.written)
    home = gateway.located.text.file.parent
    files, notes = included(file, gateway.located, home)
    account.notes += notes
    trees = {path: located for path in files if (located := read_file(account, path))}
    names = {path: _name(trees.get(path)) or path.stem for path in files}
    units = [_inline(gateway, name, tenant) for name, tenant in file.tenants.items()]
    everyone = frozenset({*names.values(), *file.tenants})
    for located in trees.values():
        rights = _rights(_name(located) or located.text.file.stem, everyone, file.secrets.tenant_env, home)
        checked = check_tree(account, located, shape, env, rights)
        if checked.fits:
            written = msgspec.convert(checked.located.tree, TenantFile, dec_hook=decode_unit)
            pruned, tree = checked.pruned, checked.located
            units.append(Unit(owner=written.tenant, located=tree, root=(), pruned=pruned, written=written))
    return _once(account, units), names


def _inline(gateway: Unit, name: str, tenant: Any) -> Unit:
    located, pruned = gateway.located, gateway.pruned
    return Unit(owner=name, located=located, root=("tenants", name), pruned=pruned, written=tenant)


def _once(account: Account, units: list[Unit]) -> dict[str, Unit]:
    """The tenants that stand in one place only; for the others, each place is told of the other."""
    known: dict[str, list[Unit]] = {}
    for unit in units:
        known.setdefault(unit.owner, []).append(unit)
        stem = unit.located.text.file.stem
        if not unit.root and stem != unit.owner:
            what = f"the file {unit.located.text.file.name} holds the tenant {unit.owner!r}"
            account.notes.append(found("MG0310", unit.place(), what, f"name it {unit.owner}.yaml"))
    for name, places in known.items():
        for unit in places if len(places) > 1 else ():
            others = tuple(Related(each.place(), "and here") for each in places if each is not unit)
            what = f"the tenant {name!r} stands in more than one place"
            account.notes.append(found("MG0311", unit.place(), what, "keep one of them", related=others))
    return {name: places[0] for name, places in known.items() if len(places) == 1}


def _name(located: Located | None) -> str:
    tree: Any = located.tree if located else None
    name: Any = cast("dict[str, Any]", tree).get("tenant") if isinstance(tree, dict) else None
    return name if isinstance(name, str) else ""


def _prefix(tenant: str) -> str:
    return f"TENANT_{tenant.upper().replace('-', '_')}_"


def _rights(tenant: str, everyone: frozenset[str], listed: tuple[str, ...], home: Path) -> Rights:
    """What a tenant's file may reference. `a` gets no `TENANT_A_B_X` where there is a tenant `a-b`."""
    own = _prefix(tenant)
    others = [_prefix(each) for each in everyone if each != tenant]
    taken = tuple(prefix for prefix in others if prefix.startswith(own))
    return Rights(env=(f"{own}*", *listed), taken=taken, below=home)
