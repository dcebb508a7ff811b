"""Every option that is a secret, found by its type, holds a canary; nothing that is made of a configuration tells it.

New plugins and new keys of the language are walked too: nobody has to remember this test.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
import pytest

from gateway.config import showing
from gateway.config.catalog import GROUPS, Catalog
from gateway.config.comparing.compare import compare
from gateway.config.comparing.report import plan_json, plan_text
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.config.emitting import to_plain
from gateway.config.model import GatewayFile
from gateway.config.rendering import Rendering
from gateway.config.report import FORMS
from gateway.config.showing import Showing
from gateway.config.verdict import judge
from gateway.config.written import Written
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.domain.units import Secret
from gateway.runtime.explaining import explained
from gateway.runtime.facts import Facts

MARK: Final = "c4n4ry"
TENANTS: Final = {"t": {"auth": {"mode": "open"}, "routes": {"notes": {"default": True}}}}
_GUESSES: Final = {"url": "http://127.0.0.1:9/v1", "dimension": 8, "endpoint": "http://127.0.0.1:9"}


def secret_fields(kind: type[Any]) -> Iterator[tuple[str, ...]]:
    """The paths to everything of type Secret below a struct."""
    for field in msgspec.structs.fields(kind):
        for each in _kinds(field.type):
            if each is Secret:
                yield (field.encode_name,)
            elif isinstance(each, type) and issubclass(each, msgspec.Struct) and each is not kind:
                yield from ((field.encode_name, *rest) for rest in secret_fields(each))


def _kinds(hint: Any) -> Iterator[Any]:
    """The types that one value of a field may have; not those of entries in lists and mappings."""
    if get_origin(hint) is Annotated:
        yield from _kinds(get_args(hint)[0])
    elif get_origin(hint) in (dict, list, tuple):
        return
    elif get_args(hint):
        for each in get_args(hint):
            yield from _kinds(each)
    else:
        yield hint


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


def files() -> list[tuple[str, dict[str, Any], int]]:
    """One configuration for each plugin and each section that holds a secret: its name, its tree, how many canaries."""
    catalog = Catalog.builtin()
    found: list[tuple[str, dict[str, Any], int]] = []
    for group in GROUPS:
        for name, plugin in catalog.of(group).items():
            paths = list(secret_fields(plugin.Options))
            if not paths:
                continue
            declared: dict[str, Any] = {"type": name}
            for field in msgspec.structs.fields(plugin.Options):
                if field.required or field.encode_name in _GUESSES:
                    declared[field.encode_name] = _GUESSES.get(field.encode_name, "x")
            for number, path in enumerate(paths):
                _put(declared, path, f"${{env:SECRET_{number}}}")
            tree: dict[str, Any] = {"providers": {"main": {"type": "memory"}}, "defaults": {"chain": "main"}}
            tree.setdefault(group, {})["secretive"] = declared
            found.append((f"{group} {name}", tree, len(paths)))
    sections: dict[str, list[tuple[str, ...]]] = {}
    for path in secret_fields(GatewayFile):
        sections.setdefault(path[0], []).append(path)
    for section, paths in sections.items():
        tree = {"providers": {"main": {"type": "memory"}}, "defaults": {"chain": "main"}}
        for number, path in enumerate(paths):
            _put(tree, path, f"${{env:SECRET_{number}}}")
        found.append((section, tree, len(paths)))
    return found


FILES: Final = files()


def made(folder: Path, tree: dict[str, Any], word: str) -> Compiled:
    folder.mkdir(parents=True, exist_ok=True)
    text = {"version": 1, **tree, "tenants": TENANTS}
    (folder / "gateway.yaml").write_bytes(msgspec.json.encode(text))  # JSON is YAML
    env = {f"SECRET_{n}": f"{MARK}-{word}-{n}-long-enough-to-be-a-key-of-whatever" for n in range(20)}
    return compile_config(folder / "gateway.yaml", env, Catalog.builtin())


def everything(folder: Path, tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """All that is told of a configuration, and of its change to another one: where, and the text."""
    old, new = made(folder / "old", tree, "old"), made(folder / "new", tree, "new")
    for name, render in FORMS.items():
        yield name, render(judge(old), folder)
    yield "repr", repr(old)
    if old.config is None or new.config is None:
        return
    shown = tuple(Showing(each, Written.of(each)) for each in (old.config, new.config))
    for provenance in (False, True):
        tree_ = Rendering(old.config, shown[0], provenance=provenance).tree(None)
        yield "render", repr(to_plain(tree_, notes=provenance))
    served = Rendering(old.config, Showing.served(old.config), provenance=True).tree(None)
    yield "render served", repr(to_plain(served, notes=True))
    plan = compare(old.config, new.config, (shown[0], shown[1]))
    yield "diff", plan_text(plan, str) + plan_json(plan, str)
    who = Principal(id="anyone", tenant="t", roles=frozenset(Role))
    if "t" in old.config.tenants:
        yield "explain", "\n".join(explained(old.config, shown[0], who, Facts(op="search", family=Family.MEMORY)))
    yield "traceback", _traceback(old.config)


def _traceback(config: Any) -> str:
    """With the values of all locals, as some tools print them."""
    try:
        options = [each.options for each in (*config.providers.values(), *config.embedders.values())]
        raise RuntimeError(f"{config.server}{options}")
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_no_secret_of_any_plugin_or_section_is_told(tmp_path: Path, figure: Callable[[str], None]) -> None:
    hits: list[str] = []
    canaries = characters = whole = 0
    for number, (name, tree, count) in enumerate(FILES):
        canaries += count
        told = list(everything(tmp_path / str(number), tree))
        characters += sum(len(text) for _, text in told)
        whole += any(where == "diff" for where, _ in told)
        hits += [f"{name}: {where}" for where, text in told if MARK in text]
    figure(
        f"secrets by type: {canaries} canaries in {len(FILES)} plugins and sections ({whole} of them served, the others "
        f"refused), {characters} characters of reports, repr, render, diff, explain and tracebacks: {len(hits)} hits"
    )
    assert canaries > 15
    assert whole > 8
    assert hits == []


def test_a_secret_that_prints_itself_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Secret, "__repr__", Secret.reveal)
    hits = {where for where, text in _of_all(tmp_path) if MARK in text}
    assert {"repr", "traceback"} <= hits


def test_a_reference_that_is_shown_by_its_value_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def revealed(value: Any) -> Any:
        return value.reveal() if isinstance(value, Secret) else getattr(value, "text", repr(value))

    def nowhere(_raw: Any) -> bool:
        return False

    monkeypatch.setattr(showing, "_hook", revealed)
    monkeypatch.setattr(showing, "refers", nowhere)
    assert "render" in {where for where, text in _of_all(tmp_path) if MARK in text}


def _of_all(folder: Path) -> Iterator[tuple[str, str]]:
    for number, (_, tree, _) in enumerate(FILES[::4]):
        yield from everything(folder / str(number), tree)
