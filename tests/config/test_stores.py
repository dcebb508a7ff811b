"""A provider picked by a URL is the same as one picked by its type, wherever the URL comes from."""

from pathlib import Path

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.stores import schemes_of

from .plugins import catalog

FILE = """
version: 1
providers:
  main: {entry}
defaults: {{chain: main}}
tenants: {{a: {{auth: {{mode: open}}, routes: {{r: {{default: true}}}}}}}}
"""


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("sqlite:data/m.db", "{type: sqlite, path: data/m.db}"),
        ("sqlite:///var/m.db", "{type: sqlite, path: /var/m.db}"),
        ("memory:", "{type: memory}"),
        ("MEMORY://", "{type: memory}"),
    ],
)
@pytest.mark.parametrize("written", ["{url}", "${{env:STORE}}", "${{env:NOWHERE:-{url}}}"])
def test_a_url_means_the_type_that_has_its_scheme(tmp_path: Path, url: str, entry: str, written: str) -> None:
    by_type, by_url = tmp_path / "type.yaml", tmp_path / "url.yaml"
    by_type.write_text(FILE.format(entry=entry))
    by_url.write_text(FILE.format(entry=f'{{store: "{written.format(url=url)}"}}'))
    one, other = (compile_config(each, {"STORE": url}, Catalog.builtin()) for each in (by_type, by_url))
    assert one.config is not None
    assert other.config is not None, [note.line() for note in other.diagnostics]
    assert one.config.providers["main"].options == other.config.providers["main"].options


def test_a_scheme_that_nobody_has_is_told_at_the_key(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(FILE.format(entry='{store: "mysql://here"}'))
    errors = [n for n in compile_config(file, {}, Catalog.builtin()).diagnostics if n.severity is Severity.ERROR]
    assert [(each.code, each.mark.line) for each in errors] == [("MG0210", 4)]
    assert "providers.main.store" in errors[0].message


def test_a_url_beside_a_type_is_an_unknown_key(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(FILE.format(entry="{type: memory, store: 'memory:'}"))
    assert {note.code for note in compile_config(file, {}, Catalog.builtin()).diagnostics} == {"MG0202"}


def test_every_scheme_belongs_to_one_provider_and_an_option_it_has() -> None:
    known = Catalog.builtin()
    every = [scheme for plugin in known.providers.values() for scheme in getattr(plugin, "schemes", {})]
    assert len(every) == len(set(every))
    for type_name, option in schemes_of(known).values():
        assert option in ("", *known.providers[type_name].Options.__struct_fields__)


@pytest.mark.parametrize(
    ("url", "flagged"),
    [
        ("redis://cache:6379/0", False),
        ("redis://a.example,b.example:6380", False),
        ("redis://:hunter2@cache:6379/0", True),
        ("redis://cache/0?password=hunter2", True),
        ("redis://cache/%68unter", True),
        ("hunter2", True),
    ],
)
def test_an_address_is_a_secret_only_where_it_may_hold_a_credential(tmp_path: Path, url: str, flagged: bool) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(FILE.format(entry=f"{{type: vault, key: '{url}'}}"))
    codes = {note.code for note in compile_config(file, {}, catalog()).diagnostics}
    assert ("MG0501" in codes) == flagged


KEYS = """
version: 1
keyrings:
  main: {{root: {{type: file, path: root.key}}{store}}}
  more: {{root: {{type: file, path: other.key}}}}
providers:
  notes: {{type: sqlite, path: {path}}}
defaults: {{chain: notes}}
tenants: {{a: {{auth: {{mode: open}}, routes: {{r: {{default: true}}}}}}}}
"""


@pytest.mark.parametrize("path", ["data/keys.db", "./data/../data/keys.db"])
def test_the_keyrings_own_file_is_no_providers(tmp_path: Path, path: str) -> None:
    file = tmp_path / "gateway.yaml"
    for store, taken, clash in (("", path, True), (", store: notes", path, True), ("", "data/notes.db", False)):
        file.write_text(KEYS.format(store=store, path=taken))
        compiled = compile_config(file, {}, Catalog.builtin())
        codes = [note.code for note in compiled.diagnostics if note.severity is Severity.ERROR]
        assert codes == (["MG0408"] if clash else []), [note.line() for note in compiled.diagnostics]
