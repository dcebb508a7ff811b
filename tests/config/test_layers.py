"""Layers: what wins, where it came from, and that order never matters."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.compiled import Compiled, RouteConfig
from gateway.config.diagnostics import Mark
from gateway.config.layers import LayerSource, merge
from gateway.config.located import Located
from gateway.config.text import Text
from gateway.domain.filters import Compare
from gateway.domain.scope import ScopeRule
from tests.config.sample import FILES, GATEWAY, compiled


def _route(result: Compiled, tenant: str, name: str) -> RouteConfig:
    assert result.config is not None, result.diagnostics
    return next(route for route in result.config.tenants[tenant].routes if route.name == name)


def test_the_sample_is_valid_and_says_nothing(tmp_path: Path) -> None:
    assert compiled(tmp_path).diagnostics == ()


def test_the_level_nearest_to_the_route_wins_and_each_value_knows_its_level(tmp_path: Path) -> None:
    route = _route(compiled(tmp_path), "acme", "support")
    assert (route.layer.retrieval.top_k, route.layer.retrieval.min_relevance) == (3, 0.1)
    assert route.layer.ttl is not None
    assert route.layer.ttl.text == "30d"
    levels = {path: origin.layer for path, origin in route.origins.items()}
    assert levels == {
        "chain": "route",
        "ttl": "profile regulated",
        "scope.require": "profile regulated",
        "scope.context": "profile regulated",
        "retrieval.filters.state": "profile regulated",
        "retrieval.strategy": "route",
        "retrieval.top_k": "route",
        "retrieval.min_relevance": "defaults",
    }
    assert route.scope == ScopeRule(require=frozenset({"user"}), context=frozenset({"agent", "run"}))
    assert route.filter == Compare("eq", "open", path=("state",))


def test_every_effective_value_points_at_a_line_that_holds_it(tmp_path: Path) -> None:
    result = compiled(tmp_path)
    assert result.config is not None
    seen = 0
    for tenant in result.config.tenants.values():
        for route in tenant.routes:
            effective: Any = msgspec.to_builtins(route.layer, enc_hook=lambda value: value.text)
            for path, origin in route.origins.items():
                value: Any = effective
                for step in path.split("."):
                    value = value[step]
                assert origin.mark is not None
                line = origin.mark.file.read_text().splitlines()[origin.mark.line - 1]
                words: list[Any] = list(value) if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType]
                written = {"semantic": "relevant"}
                assert all(str(word) in line or written.get(word, "-") in line for word in words), (path, line)
                seen += 1
    assert seen > 20


def test_the_order_of_keys_routes_and_files_never_changes_the_effective_config(tmp_path: Path) -> None:
    def shape(result: Compiled) -> object:
        assert result.config is not None
        return {
            (route.tenant, route.name): (route.layer, route.scope, route.chain, route.strategy, route.filter)
            for tenant in result.config.tenants.values()
            for route in tenant.routes
        }

    wanted = shape(compiled(tmp_path / "first"))
    for seed in range(5):
        chance = random.Random(seed)

        def shuffled(value: Any, chance: random.Random = chance) -> object:
            if isinstance(value, dict):
                items = [(key, shuffled(child)) for key, child in value.items()]  # pyright: ignore[reportUnknownVariableType]
                chance.shuffle(items)  # pyright: ignore[reportUnknownArgumentType]
                return dict(items)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            return value  # pyright: ignore[reportUnknownVariableType]

        files = {name: yaml.safe_dump(shuffled(yaml.safe_load(text)), sort_keys=False) for name, text in FILES.items()}
        assert shape(compiled(tmp_path / str(seed), files)) == wanted


def test_lists_replace_and_maps_merge(tmp_path: Path) -> None:
    tenant = (
        "tenant: acme\nauth: {mode: open}\nroutes:\n  r: {default: true, identity: {user: ['{key.user}']}, "
        "retrieval: {filters: {kind: note}, overrides: [top_k]}}\nidentity: {user: ['{request.user}', x], agent: bot}\n"
        "retrieval: {filters: {state: open}, overrides: [filters, strategy]}\n"
    )
    route = _route(compiled(tmp_path, {**FILES, "tenants/acme.yaml": tenant.encode()}), "acme", "r")
    assert route.layer.identity.user == ("{key.user}",)
    assert route.layer.identity.agent == "bot"
    assert route.layer.retrieval.overrides == ("top_k",)
    assert route.layer.retrieval.filters == {"state": "open", "kind": "note"}


def test_null_takes_back_what_a_level_above_has_set(tmp_path: Path) -> None:
    tenant = "tenant: acme\nauth: {mode: open}\nprofiles: [regulated]\nroutes: {r: {default: true, ttl: null}}\n"
    assert _route(compiled(tmp_path, {**FILES, "tenants/acme.yaml": tenant}), "acme", "r").layer.ttl is None


@pytest.mark.parametrize(("above", "below"), [("max_memories: 30", "top_k: 9"), ("top_k: 30", "max_memories: 9")])
def test_either_spelling_overrides_the_other(tmp_path: Path, above: str, below: str) -> None:
    gateway = GATEWAY.replace("top_k: 12", above)
    tenant = f"tenant: acme\nauth: {{mode: open}}\nroutes: {{r: {{default: true, retrieval: {{{below}}}}}}}\n"
    result = compiled(tmp_path, {"gateway.yaml": gateway, "tenants/acme.yaml": tenant})
    assert _route(result, "acme", "r").layer.retrieval.top_k == 9


def test_a_limit_nobody_wrote_follows_the_policy(tmp_path: Path) -> None:
    assert _route(compiled(tmp_path), "acme", "notes").layer.limits.max_top_k == 90


_VALUES = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["filters", "strategy"]), _VALUES, max_size=2), min_size=1, max_size=4))
def test_a_merge_equals_the_plain_definition_and_marks_exactly_its_leaves(levels: list[dict[str, object]]) -> None:
    file = Path("f")
    sources: list[LayerSource] = []
    wanted: object = {}
    for number, level in enumerate(levels):
        tree = {"retrieval": level}
        located = Located(Text(file, ""), tree, {(): Mark(file, number + 1, 1)}, {}, {})
        sources.append(LayerSource(str(number), located, ()))
        wanted = _over(wanted, tree)
    made = merge(sources)
    merged, origins = made.settings, made.origins
    assert merged == wanted
    assert set(origins) == set(_leaves(merged, ""))


def _over(below: object, above: object) -> object:
    if not isinstance(above, dict):
        return above
    base: dict[str, object] = dict(below) if isinstance(below, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    for key, value in above.items():  # pyright: ignore[reportUnknownVariableType]
        base[str(key)] = _over(base.get(str(key)), value)  # pyright: ignore[reportUnknownArgumentType]
    return base


def _leaves(value: object, path: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [leaf for key, child in value.items() for leaf in _leaves(child, f"{path}.{key}".lstrip("."))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [path]
