"""The effective configuration: every route with all its settings, every layer merged, each value with who set it.

Holds no secret: what came from a reference is shown as the reference, a credential as dots.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.config.comparing.issuers import issuer_settings
from gateway.config.comparing.settings import Setting, gateway_settings, route_settings
from gateway.config.compiled import Config, Plugged, RouteConfig, StepConfig, TenantConfig
from gateway.config.diagnostics import Mark
from gateway.config.dialect import unit_text
from gateway.config.emitting import Leaf, Tree
from gateway.config.finish import MASK
from gateway.config.model import STEP_KEYS
from gateway.config.sameness import Sort, needed, providers_of
from gateway.config.showing import Showing, guard_told, place
from gateway.domain.record import Family

_SECTIONS: Final[tuple[tuple[str, Sort], ...]] = (
    ("embedders", "embedder"), ("providers", "provider"), ("strategies", "strategy"),
    ("summarizers", "summarizer"),
    ("hooks", "hook"),
    ("upstreams", "upstream"),
)  # fmt: skip


class Rendering:
    def __init__(self, config: Config, shown: Showing, *, provenance: bool) -> None:
        self._config = config
        self._shown = shown
        self._provenance = provenance

    def tree(self, tenant: str | None) -> Tree:
        """Everything, or one tenant with what its routes need."""
        config = self._config
        tenants = {name: each for name, each in config.tenants.items() if tenant in (None, name)}
        tree: dict[str, Any] = {}
        if tenant is None:
            tree |= _nested(
                {path: self._leaf(each, each.mark) for path, each in gateway_settings(config, self._shown).items()}
            )
            tree |= _nested(
                {path: self._leaf(each, each.mark) for path, each in issuer_settings(config, self._shown).items()}
            )
        tree |= self._declared(tenants, everything=tenant is None)
        tree["tenants"] = {name: self._tenant(each) for name, each in tenants.items()}
        return tree

    def _declared(self, tenants: Mapping[str, TenantConfig], *, everything: bool) -> dict[str, Any]:
        """What is declared or used; built-in strategies only where a route uses them by itself."""
        config, routes = self._config, [route for each in tenants.values() for route in each.routes]
        chains = {route.chain for route in routes}
        part = needed(config) if everything else _needed_by(config, tenants)
        named = {("strategy", route.strategy) for route in routes}
        named |= {("summarizer", route.summarizer) for route in routes if Family.MESSAGE in route.families}
        used = {key for key in part if key[0] not in ("strategy", "summarizer")} | named
        out: dict[str, Any] = {}
        for section, sort in _SECTIONS:
            known: Mapping[str, Plugged] = getattr(config, section)
            out[section] = {
                key: self._plugged(each, sort)
                for key, each in known.items()
                if (sort, key) in used or (everything and each.mark is not None)
            }
        out["chains"] = {
            key: Leaf([_step(step) for step in chain.steps], self._note(chain))
            for key, chain in config.chains.items()
            if key not in config.providers and (everything or key in chains)
        }
        return {name: each for name, each in out.items() if each}

    def _plugged(self, declared: Plugged, sort: Sort) -> Tree:
        options = {name: Leaf(value) for name, value in self._shown.options(declared).items()}
        tree: dict[str, Leaf] = {"type": Leaf(declared.type_name, self._note(declared)), **options}
        if sort == "provider":
            tree["embedder"] = Leaf(declared.embedder or "none")
            tree["guard"] = Leaf(guard_told(declared.guard))
        return tree

    def _tenant(self, tenant: TenantConfig) -> Tree:
        note = self._note(tenant)
        keys = [_key(self._shown.key(tenant, each)) for each in tenant.auth.api_keys]
        auth = {"mode": Leaf(tenant.auth.mode, note), "api_keys": Leaf(keys)}
        if tenant.auth.issuers is not None:
            auth["issuers"] = Leaf(list(tenant.auth.issuers), note)
        return {"auth": auth, "routes": {route.name: self._route(route) for route in tenant.routes}}

    def _route(self, route: RouteConfig) -> Tree:
        leaves: dict[str, Leaf] = {}
        for path, setting in route_settings(route).items():
            resolved = setting.value is not None and path in (
                "chain",
                "scope",
                "retrieval.strategy",
                "session.summarizer",
            )
            own = setting.mark is route.mark or resolved
            leaves[path] = self._leaf(setting, None if own else setting.mark)
        return _nested(leaves)

    def _leaf(self, setting: Setting, mark: Mark | None) -> Leaf:
        """`mark` is where the value itself stands; None where the setting is something that was made of it."""
        at = f"{setting.layer} {place(setting.mark, self._config.home)}".strip() or "built in"
        return Leaf(self._shown.value(setting.value, mark), at if self._provenance else "")

    def _note(self, declared: Any) -> str:
        return (place(declared.mark, self._config.home) or "built in") if self._provenance else ""


def _needed_by(config: Config, tenants: Mapping[str, TenantConfig]) -> set[tuple[Sort, str]]:
    found: set[tuple[Sort, str]] = set()
    for tenant in tenants.values():
        for route in tenant.routes:
            for key in providers_of(config, route):
                provider = config.providers[key]
                found.add(("provider", provider.key))
                if provider.embedder:
                    found.add(("embedder", provider.embedder))
    return found


def _step(step: StepConfig) -> dict[str, Any]:
    """With the settings that mean something for its role."""
    told = msgspec.to_builtins(step.written, enc_hook=unit_text)
    own = {name: told[name] for name, role in STEP_KEYS.items() if role == step.role}
    timed = {"timeout": told["timeout"]} if told["timeout"] is not None else {}
    return {"provider": step.provider, "role": step.role, **timed, **own}


def _key(shown: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in shown.items() if value not in (None, {})}
    return {**({"id": given.pop("id")} if "id" in given else {}), "hash": f"sha256:{MASK}", **given}


def _nested(leaves: Mapping[str, Leaf]) -> dict[str, Any]:
    """Dotted paths to mappings in mappings."""
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *above, last = path.split(".")
        below = tree
        for step in above:
            below = below.setdefault(step, {})
        below[last] = leaf
    return tree
