"""Hooks in the language: levels, a tenant's own, and what `diff` says when they protect less."""

from pathlib import Path

import pytest

from gateway.config import catalog
from gateway.config.catalog import Catalog
from gateway.config.comparing.hooks import hooks_lost, hooks_weaker
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config

CONFIG = """
version: 1
providers: {main: {type: memory, embedder: none}}
hooks:
  redact: {type: redact}
  audit: {type: audit, sink: audit.jsonl, values: plain}
policy: {hooks: [audit]}
profiles: {strict: {hooks: [redact, audit]}}
defaults: {chain: main, hooks: [audit]}
include: tenants/*.yaml
"""
ENGINE = """
version: 1
providers: {main: {type: memory, embedder: none}}
hooks: {redact: {type: redact, engine: %s}}
defaults: {chain: main, hooks: [redact]}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""
TENANT = """
tenant: acme
auth: {api_keys: [{hash: "sha256:%s"}]}
profiles: [strict]
own_hooks: {mark: {type: stamp, constants: {by: acme}}}
routes:
  notes: {default: true}
  talk: {kinds: [message], default: true, hooks: [mark, audit]}
"""


def compiled(home: Path, *changes: tuple[str, str]) -> Config:
    (home / "tenants").mkdir(exist_ok=True)
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (home / "gateway.yaml").write_text(text)
    (home / "tenants/acme.yaml").write_text(TENANT % ("0123456789abcdef" * 4))
    made = compile_config(home / "gateway.yaml", {}, Catalog.builtin())
    assert made.config is not None and not made.broken, [each.line() for each in made.diagnostics]
    return made.config


def test_a_list_of_a_level_replaces_that_of_the_level_below_and_a_tenant_has_its_own(tmp_path: Path) -> None:
    config = compiled(tmp_path)
    hooks = {route.name: route.hooks for route in config.tenants["acme"].routes}
    assert hooks == {"notes": ("redact", "audit"), "talk": ("acme/mark", "audit")}


def test_whatever_protects_less_is_said(tmp_path: Path) -> None:
    old = compiled(tmp_path)
    for change, told in (
        (("policy: {hooks: [audit]}", "policy: {}"), "policy.hooks no longer asks audit"),
        (("values: plain}", "values: plain, fail_closed: false}"), "hooks.audit.fail_closed is now false"),
        (("values: plain}", "values: plain, on_failure: proceed}"), "hooks.audit is done without where it fails"),
        (("{type: redact}", "{type: redact, types: [email]}"), "hooks.redact no longer looks for api_key"),
        (("{type: redact}", "{type: redact, on: [add]}"), "hooks.redact is no longer asked at after_get"),
    ):
        found = list(hooks_weaker(old, compiled(tmp_path, change)))
        assert len(found) == 1 and found[0].startswith(told), found
        assert list(hooks_weaker(compiled(tmp_path, change), old)) == [], "the way back protects more"


def test_a_route_that_loses_a_hook_or_their_order_is_said() -> None:
    assert hooks_lost(("a", "b"), ("b",)) == "no longer asks a"
    assert hooks_lost(("a", "b"), ("b", "a")) == "asks its hooks in another order"
    assert hooks_lost(("a", "b"), ("a", "c", "b")) == ""


def test_a_route_without_hooks_pays_nothing(tmp_path: Path) -> None:
    """Nothing is bound, so the services make no context and call nobody."""
    config = compiled(tmp_path, ("policy: {hooks: [audit]}", "policy: {}"), ("hooks: [redact, audit]", "hooks: []"))
    assert next(route for route in config.tenants["acme"].routes if route.name == "notes").hooks == ()


def test_a_limit_that_is_taken_away_is_said(tmp_path: Path) -> None:
    audit = "audit: {type: audit, sink: audit.jsonl, values: plain}"
    some = (audit, audit + "\n  most: {type: limit, rate: 5, size: 1MiB}")
    old = compiled(tmp_path, some)
    new = compiled(tmp_path, (some[0], some[1].replace("rate: 5, ", "")))
    assert list(hooks_weaker(old, new)) == ["hooks.most has no rate"]
    assert not list(hooks_weaker(new, old))


def test_an_engine_that_is_not_installed_is_told_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def there(module: str) -> str | None:
        return None if module == "presidio_analyzer" else module

    monkeypatch.setattr(catalog, "find_spec", there)
    for engine, told in (("own", []), ("presidio", ["pip install 'memory-gateway[presidio]'"])):
        (tmp_path / "gateway.yaml").write_text(ENGINE % engine)
        found = compile_config(tmp_path / "gateway.yaml", {}, Catalog.builtin()).diagnostics
        assert [each.hint for each in found if each.code == "MG0801" and "redact" in each.message] == told


def test_what_only_one_engine_finds_is_refused_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(ENGINE % "own, entities: [CRYPTO]")
    found = compile_config(tmp_path / "gateway.yaml", {}, Catalog.builtin()).diagnostics
    assert [each.code for each in found if "`entities` are Presidio's" in each.message] == ["MG0208"]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("engine: presidio", "hooks.redact no longer looks for CRYPTO"),
        (
            "engine: presidio, entities: [CRYPTO], score_threshold: 0.9",
            "hooks.redact must be surer to take something out",
        ),
    ],
)
def test_that_presidio_takes_out_less_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, told: str
) -> None:
    monkeypatch.setattr(catalog, "find_spec", str)  # whether it is installed is not asked here
    old = "{type: redact, engine: presidio, entities: [CRYPTO]}"
    before, after = (compiled(tmp_path, ("{type: redact}", each)) for each in (old, f"{{type: redact, {now}}}"))
    assert list(hooks_weaker(before, after)) == [told]
    assert list(hooks_weaker(after, before)) == []
