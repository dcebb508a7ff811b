"""The catalogue: built-in classes by their modules, others by entry point, and no name twice."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest

from gateway.config import catalog
from gateway.config.catalog import Catalog
from tests.config.plugins import Distant, Vault


def _installed(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> Catalog:
    module = ModuleType("someones_plugins")
    module.Vault = Vault  # type: ignore[attr-defined]
    module.Distant = Distant  # type: ignore[attr-defined]
    module.Bare = type("Bare", (), {"type_name": "bare"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "someones_plugins", module)
    found = [EntryPoint(name, value, "memory_gateway.providers") for name, value in points]
    monkeypatch.setattr(catalog, "entry_points", lambda: EntryPoints(found))
    return Catalog.installed()


def test_every_built_in_class_is_found_under_its_type_name() -> None:
    known = Catalog.builtin()
    assert "memory" in known.providers
    assert "wordllama" in known.embedders
    assert {"recent", "semantic", "hybrid", "custom"} <= set(known.strategies)
    assert all(plugin.type_name == name for name, plugin in known.providers.items())
    assert known.problems == ()


def test_looking_for_plugins_imports_no_optional_driver() -> None:
    import subprocess

    code = (
        "import sys\nfrom gateway.config.catalog import Catalog\nknown = Catalog.builtin()\n"
        "drivers = {m for g in ('providers', 'embedders', 'strategies') for p in known.of(g).values() for m in getattr(p, 'requires', {})}\n"
        "assert drivers\nprint(sorted(drivers & set(sys.modules)))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_a_plugin_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    known = _installed(monkeypatch, ("vault", "someones_plugins:Vault"))
    assert known.providers["vault"] is Vault
    assert known.problems == ()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("memory", "someones_plugins:Vault", "takes a name"),
        ("vault", "someones_plugins:Missing", "cannot be imported: AttributeError"),
        ("vault", "no_such_module:X", "cannot be imported: ModuleNotFoundError"),
        ("safe", "someones_plugins:Vault", "needs type_name = 'safe'"),
        ("bare", "someones_plugins:Bare", "an Options struct"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_a_problem_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    known = _installed(monkeypatch, (name, value), ("distant", "someones_plugins:Distant"))
    assert len(known.problems) == 1
    assert why in known.problems[0]
    assert known.providers["memory"].__module__.startswith("gateway.")
    assert known.providers["distant"] is Distant
