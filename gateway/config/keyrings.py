"""Keyrings by name, each with the provider that keeps its keys: one that is declared, or a file of their own."""

from collections.abc import Mapping

from gateway.config.catalog import Catalog
from gateway.config.compiled import KeyringConfig, Plugged
from gateway.config.model import GatewayFile

STORE_KEY = ":keys"  # no provider can be declared under this name
STORE_PATH = "data/keys.db"


def read_keyrings(file: GatewayFile, providers: Mapping[str, Plugged], catalog: Catalog) -> dict[str, KeyringConfig]:
    """Without those whose store is not declared: the check says so."""
    found: dict[str, KeyringConfig] = {}
    for name, written in file.keyrings.items():
        store = own_store(catalog) if written.store is None else providers.get(written.store)
        if store is not None:
            found[name] = KeyringConfig(name=name, store=store, written=written)
    return found


def own_store(catalog: Catalog) -> Plugged | None:
    """One for all keyrings that name none."""
    plugin = catalog.providers.get("sqlite")
    if plugin is None:
        return None
    options = plugin.Options(path=STORE_PATH)
    return Plugged(name="keys", type_name="sqlite", plugin=plugin, options=options, key=STORE_KEY)
