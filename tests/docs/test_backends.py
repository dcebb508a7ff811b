"""Every backend has a page whose configuration is valid, and a server that this suite starts without any network."""

import re
from pathlib import Path

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from tests.conformance.chains import CHAINS
from tests.conformance.subjects import SUBJECTS

ROOT = Path(__file__).parents[2]
EVERY = sorted(Catalog.builtin().providers)
URLS = {"redis": "redis", "postgres": "postgresql", "mongodb": "mongodb"}
EMBEDDED = {"memory", "sqlite"}  # the embedded ones have a line in the list, and the quickstart


@pytest.mark.parametrize("type_name", EVERY)
def test_it_is_listed_and_has_a_page_whose_yaml_is_valid(type_name: str, tmp_path: Path) -> None:
    assert f"`{type_name}`" in (ROOT / "docs/backends/README.md").read_text()
    if type_name in EMBEDDED:
        return
    page = (ROOT / f"docs/backends/{type_name}.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    whole = [each for each in blocks if each.startswith("version:")]
    assert whole, "no whole configuration is shown"
    for number, text in enumerate(whole):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        names = set(re.findall(r"\$\{env:([A-Z_0-9]+)", text))
        url = f"{URLS.get(type_name, 'http')}://127.0.0.1:1"
        env = {name: url if "URL" in name else "value" for name in names}
        notes = compile_config(file, env, Catalog.builtin()).diagnostics
        assert [n.line() for n in notes if n.severity is Severity.ERROR] == []


@pytest.mark.parametrize("type_name", EVERY)
def test_the_contract_runs_on_it_without_the_internet(type_name: str) -> None:
    plugins = {each.plugin.split(":")[0] for each in SUBJECTS}
    assert Catalog.builtin().providers[type_name].__module__ in plugins


def test_the_matrix_names_what_the_contract_runs_on() -> None:
    told = (ROOT / "docs/conformance.md").read_text()
    shown = (ROOT / "README.md").read_text()
    for subject in (*SUBJECTS, *CHAINS):
        line = f"| `{subject.name}` | {subject.against}"
        assert line in told, "write it anew: pytest gateway/testing/clauses --conformance-report docs/conformance.md"
        assert line in shown
