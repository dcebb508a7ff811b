"""The first files of a configuration, as text: a gateway's folder, and a tenant. Valid as they stand, and commented.

Pure: whoever writes them decides where, and brings the hash of a new key.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gateway.config.catalog import Catalog
from gateway.config.emitting import flow

GATEWAY: Final = """# yaml-language-server: $schema=schemas/gateway.json
#
# The gateway's own file. Check it with: memory-gateway validate .
version: 1

# Where memories live. `memory-gateway list providers` says what else there is.
providers:
  main: {type: sqlite, path: data/memories.db}

# What holds for everybody, until a tenant or a route says otherwise.
defaults:
  chain: main
  scope: user # every record belongs to a user; a request that names none is refused
  retrieval: {strategy: hybrid, top_k: 10}

# What no tenant can go below.
policy: {widest_scope: agent, open_tenants: false}

# One file for each tenant: memory-gateway new tenant NAME
include: tenants/*.yaml
"""
IGNORED: Final = "# What the gateway keeps and what nobody should share.\ndata/\n.env\n"


class NewTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant to be written. `needs` are variables that must be set before it is served."""

    text: str
    needs: tuple[str, ...]


def new_tenant(
    name: str, key_hash: str, key_id: str, providers: Iterable[str], chain: str | None, catalog: Catalog
) -> NewTenant:
    """`providers` are types that the tenant gets of its own; without any, `chain` is where its records go, where the
    gateway's defaults do not say so."""
    declared = {f"{name}-{kind}": catalog.providers[kind] for kind in providers}
    needs: list[str] = []
    lines = [
        "# yaml-language-server: $schema=../schemas/tenant.json",
        f"tenant: {name}",
        "auth:",
        "  api_keys:",
        "    # Made with the file. For another one: memory-gateway keys new",
        f"    - {{id: {flow(key_id)}, hash: {flow(key_hash)}, roles: [reader, writer, eraser]}}",
    ]
    if declared:
        lines.append("providers:")
    for own, plugin in declared.items():
        options = _options(name, own, plugin, needs)
        lines.append(f"  {own}: {{{', '.join([f'type: {plugin.type_name}', *options])}}}")
    lines += ["routes:", "  # Takes every request about memories."]
    first, *others = declared or [chain or ""]
    lines.append(f"  memories: {{default: true{f', chain: {first}' if first else ''}}}")
    for own in others:
        lines += ["  # Reached by its name only: X-Memory-Route.", f"  {own}: {{chain: {own}}}"]
    return NewTenant(text="\n".join(lines) + "\n", needs=tuple(needs))


def _options(tenant: str, own: str, plugin: type[Any], needs: list[str]) -> list[str]:
    """What must be given: a file in the data folder, or a variable that the tenant may use."""
    out: list[str] = []
    fields: Mapping[str, Any] = {field.encode_name: field for field in msgspec.structs.fields(plugin.Options)}
    for key, field in fields.items():
        if not field.required:
            continue
        if key == "path":
            out.append(f"{key}: {flow(f'data/{own}.db')}")
            continue
        variable = f"TENANT_{tenant}_{plugin.type_name}_{key}".upper().replace("-", "_")  # one it may use
        needs.append(variable)
        out.append(f'{key}: "${{env:{variable}}}"')
    return out
