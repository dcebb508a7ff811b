"""docs/ci.md, the examples of pipelines and the pre-commit hooks: every command in them is run, every table is whole."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.levels import LEVELS
from gateway.config.report import FORMS
from gateway.config.verdict import Exit

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs/ci.md").read_text("utf-8")
PIPELINES = sorted((ROOT / "examples/ci").glob("*.yaml"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
GATEWAY = """version: 1
defaults: {chain: main}
tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working copy of what the commands name, whose database lies inside it."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    file = tmp_path / "configs/production/gateway.yaml"
    text = file.read_text()
    assert "path: /data/" in text
    file.write_text(text.replace("path: /data/", "path: data/"))
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> Result:
    program, *arguments = shlex.split(line)
    assert program == "memory-gateway", line
    return CliRunner().invoke(main, arguments)


def block(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


def scripts(node: Any) -> Iterator[str]:
    """Every command of a pipeline: `run` of GitHub's steps, `script` and `before_script` of GitLab's jobs."""
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from scripts(each)
    elif isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            if key in ("run", "script", "before_script"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from scripts(value)


def test_every_command_of_the_page_runs_and_finds_nothing(checkout: Path) -> None:
    lines = [line for text in block("sh") for line in text.splitlines()]
    assert len(lines) >= 7
    for line in lines:
        result = run(line)
        assert result.exit_code == 0, f"{line}\n{result.output}"
    assert (checkout / "findings.sarif").is_file() and (checkout / "configs/production/data/memories.db").is_file()


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_every_command_of_a_pipeline_runs_and_leaves_what_later_steps_need(path: Path, checkout: Path) -> None:
    text = path.read_text("utf-8")
    commands = list(scripts(yaml.safe_load(text)))
    ours = [line for line in commands if line.startswith("memory-gateway ")]
    assert ours and all(line.startswith(("memory-gateway ", "pip install memory-gateway")) for line in commands)
    for line in ours:
        result = run(line)
        assert result.exit_code == 0, f"{line}\n{result.output}"
    for name in re.findall(r"(?:sarif_file|junit): ([\w.-]+)", text):
        assert (checkout / name).is_file(), name


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_a_pipeline_fails_on_a_mistake_and_on_a_warning(path: Path, checkout: Path) -> None:
    line = next(line for line in scripts(yaml.safe_load(path.read_text())) if "--level" in line)
    tenant = checkout / "configs/production/tenants/example.yaml"
    good = tenant.read_text()
    tenant.write_text(good + "tll: 3d\n")
    assert run(line).exit_code == 1
    tenant.write_text(good)
    file = checkout / "configs/production/gateway.yaml"
    file.write_text(file.read_text() + "profiles: {unused: {ttl: 3d}}\n")
    assert run(line).exit_code == 3


def test_both_kinds_of_pipeline_are_there() -> None:
    assert [path.name for path in PIPELINES] == ["github.yaml", "gitlab.yaml"]


def hook(name: str) -> dict[str, Any]:
    return next(each for each in HOOKS if each["id"] == name)


def test_the_hooks_have_what_pre_commit_asks_for() -> None:
    assert [each["id"] for each in HOOKS] == ["memory-gateway-validate", "memory-gateway-schema"]
    for each in HOOKS:
        assert each["language"] == "python" and each["name"] and each["description"]
        assert set(each) <= {
            "id", "name", "description", "entry", "args", "language", "types", "require_serial", "pass_filenames",
            "files",
        }  # fmt: skip


def _called(name: str, *files: str) -> Result:
    """As pre-commit calls a hook: its entry, its arguments, the files of the commit."""
    each = hook(name)
    return run(" ".join([each["entry"], *each.get("args", ()), *(files if each.get("pass_filenames", True) else ())]))


def test_the_hook_reports_what_is_wrong_in_the_files_of_the_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "configs/multi-tenant")
    assert _called("memory-gateway-validate", "tenants/acme.yaml").exit_code == 0
    broken = Path("tenants/acme.yaml")
    broken.write_text(broken.read_text() + "tll: 3d\n")
    told = _called("memory-gateway-validate", "tenants/acme.yaml", "tenants/globex.yaml")
    assert told.exit_code == 1 and "MG0202" in told.output
    assert _called("memory-gateway-validate", "tenants/globex.yaml").exit_code == 0


def test_the_hook_needs_no_secret(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "configs/multi-tenant")
    file = Path("gateway.yaml")
    file.write_text(file.read_text() + 'labels: {a: "${env:MG_TEST_NO_SUCH_VARIABLE}"}\n')
    assert _called("memory-gateway-validate", "gateway.yaml").exit_code == 0
    assert run("memory-gateway validate gateway.yaml").exit_code == 1


def test_the_hook_for_schemas_fails_where_they_are_not_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert _called("memory-gateway-schema").exit_code == 0
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    monkeypatch.chdir(tmp_path)
    assert _called("memory-gateway-schema").exit_code == 0
    (tmp_path / "schemas/diagnostics.json").write_text("{}")
    assert _called("memory-gateway-schema").exit_code == 1


def test_the_yaml_of_the_page_is_so() -> None:
    allowance, lint, hooks = block("yaml")
    used = yaml.safe_load(hooks)["repos"][0]["hooks"]
    assert {each["id"] for each in used} == {each["id"] for each in HOOKS}
    assert re.fullmatch(used[0]["files"] + ".*", "configs/production/tenants/example.yaml")
    assert (ROOT / used[0]["args"][0]).is_file()
    assert "providers:" in allowance and "lint:" in lint


def test_the_allowance_and_the_severities_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    allowance, lint, _ = block("yaml")
    file = tmp_path / "gateway.yaml"
    main_too = allowance.replace("providers:\n", "providers:\n  main: {type: memory}\n")
    file.write_text(GATEWAY + main_too + lint)
    compiled = compile_config(file, {}, Catalog.builtin())
    assert compiled.diagnostics == () and [each.note.code for each in compiled.allowed] == ["MG0313"]
    file.write_text(GATEWAY + main_too.partition("#")[0] + "\n" + lint)
    (note,) = compile_config(file, {}, Catalog.builtin()).diagnostics
    assert (note.code, note.raised) == ("MG0313", True)


def test_the_tables_of_the_page_are_whole() -> None:
    rows = re.findall(r"^\| `?(\w+)`? \|", DOC, re.MULTILINE)
    assert {str(int(each)) for each in Exit} <= set(rows)
    assert {*LEVELS, "probe"} <= set(rows)
    assert set(FORMS) <= set(rows)
