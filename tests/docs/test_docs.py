"""The documents say what is so: their YAML is valid, their commands exist, and what they list is all there is."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.config.catalog import Catalog
from gateway.config.codes import CODES
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.config.reference import render_reference

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = [path for path in sorted((ROOT / "configs").rglob("*.yaml")) if path.parent.name not in ("tenants", "tests")]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_configuration_is_valid_without_a_warning(path: Path) -> None:
    compiled = compile_config(path, {}, Catalog.builtin())
    assert [note.line() for note in compiled.diagnostics] == []
    assert compiled.config is not None


def test_the_yaml_of_the_readme_is_valid(tmp_path: Path) -> None:
    quick, gateway, tenant = blocks(ROOT / "README.md", "yaml")
    (tmp_path / "quick.yaml").write_text(quick)
    (tmp_path / "gateway.yaml").write_text(gateway)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants/acme.yaml").write_text(tenant)
    for name in ("quick.yaml", "gateway.yaml"):
        compiled = compile_config(tmp_path / name, {}, Catalog.builtin())
        assert [note.line() for note in compiled.diagnostics if "profile" not in note.message] == []
        assert compiled.config is not None and not compiled.broken


WHOLE = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in sorted((ROOT / "docs").glob("*.md"))
    for number, block in enumerate(blocks(path, "yaml"))
    if block.startswith("version: 1\n")
]


@pytest.mark.parametrize("block", WHOLE)
def test_every_configuration_that_a_page_shows_whole_is_valid(block: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(block)
    named = dict.fromkeys(re.findall(r"\$\{env:(\w+)", block), "postgresql://u:p@127.0.0.1/m")
    compiled = compile_config(tmp_path / "gateway.yaml", named, Catalog.builtin())
    assert [note.line() for note in compiled.diagnostics if note.severity is Severity.ERROR] == []


def test_the_readme_shows_the_quickstart_file_as_it_is() -> None:
    shown = blocks(ROOT / "README.md", "yaml")[0]
    file = (ROOT / "configs/quickstart.yaml").read_text()
    assert shown == file.partition("\n")[2]


def test_every_command_that_is_shown_exists() -> None:
    context = click.Context(main)
    known = set(main.list_commands(context))
    for path in DOCS:
        for verb in re.findall(r"memory-gateway ([a-z]+)", path.read_text()):
            assert verb in known, f"{path.name} shows `memory-gateway {verb}`"


def test_the_readme_lists_every_command() -> None:
    table = (ROOT / "README.md").read_text()
    for verb in main.list_commands(click.Context(main)):
        assert f"`memory-gateway {verb}" in table or f"`{verb}`" in table, verb


@pytest.mark.parametrize("verb", [(), *[(verb,) for verb in main.list_commands(click.Context(main))]])
def test_every_command_has_help(verb: tuple[str, ...]) -> None:
    told = CliRunner().invoke(main, [*verb, "--help"])
    assert told.exit_code == 0 and "Usage:" in told.output


def test_the_configuration_reference_is_current() -> None:
    assert (ROOT / "docs/config.md").read_text() == render_reference(Catalog.builtin()), "run `make schemas`"


def test_the_reference_names_every_plugin_and_code() -> None:
    text = (ROOT / "docs/config.md").read_text()
    catalog = Catalog.builtin()
    for group in (catalog.providers, catalog.embedders, catalog.strategies):
        for name in group:
            assert f"`{name}`" in text
    assert all(code in text for code in CODES)


def test_every_metric_is_documented() -> None:
    source = (ROOT / "gateway/faces/http/metrics.py").read_text()
    told = (ROOT / "docs/operating.md").read_text()
    for name in re.findall(r'"(gateway_[a-z_]+)"', source):
        assert name in told, name


def test_every_error_code_is_documented() -> None:
    """Those of one backend on its own page."""
    pages = [ROOT / "docs/operating.md", *(ROOT / "docs/backends").glob("*.md")]
    told = "".join(page.read_text() for page in pages)
    codes: set[str] = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        if "config" not in path.parts and "cli" not in path.parts:
            codes |= set(re.findall(r'code="([a-z_]+)"', path.read_text()))
    missing = sorted(code for code in codes - {"http"} if f"`{code}`" not in told)  # http: Litestar's own refusals
    assert missing == []


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} -> {target}"


def test_the_project_names_no_registry_host_and_no_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    words = re.compile(r"/work/|/root/|pypi\.org|registry\.npmjs|deb\.debian|files\.pythonhosted")
    for name in tracked:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".sh", "") and path.is_file() and path != Path(__file__):
            assert not words.search(path.read_text(errors="replace")), name


def test_the_module_runs_like_the_command() -> None:
    told = subprocess.run([sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=True)
    assert re.search(r"\d+\.\d+\.\d+", told.stdout)
