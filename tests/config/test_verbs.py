"""The verbs validate and list as people and CI see them: exit codes, formats, speed of --help."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.config.sample import write

GOOD = """version: 1
providers: {main: {type: memory}}
defaults: {chain: main}
tenants: {demo: {auth: {mode: open}, routes: {notes: {default: true}}}}
"""
WARNS = GOOD.replace("providers: {main", "providers: {spare: {type: memory}, main")
WRONG = GOOD.replace("chain: main", "chain: mian")


@pytest.mark.parametrize(
    ("text", "flags", "code"),
    [(GOOD, [], 0), (GOOD, ["--deny-warnings"], 0), (WARNS, [], 0), (WARNS, ["--deny-warnings"], 3), (WRONG, [], 1),
     (WRONG, ["--deny-warnings"], 1), (GOOD, ["--format", "xml"], 2), (GOOD, ["--no-such-flag"], 2)],
)  # fmt: skip
def test_validate_ends_with_the_documented_code(tmp_path: Path, text: str, flags: list[str], code: int) -> None:
    file = write(tmp_path, {"gateway.yaml": text})
    result = CliRunner().invoke(main, ["validate", str(file), *flags])
    assert result.exit_code == code, result.output


def test_a_path_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["validate", str(tmp_path / "none.yaml")]).exit_code == 2


def test_the_text_shows_place_line_caret_hint_and_summary(tmp_path: Path) -> None:
    file = write(tmp_path, {"gateway.yaml": WRONG})
    lines = CliRunner().invoke(main, ["validate", str(file)]).output.splitlines()
    assert lines == [
        f"{file}:3:19: error[MG0301]: there is no chain or provider 'mian'",
        "  3 | defaults: {chain: mian}",
        "    |                   ^^^^ did you mean 'main'? known: main",
        (
            "gateway broken | tenants not served | 1 file read | "
            "levels run: syntax, structure, references, meaning, environment | not run: probe | "
            "what is missing or unused: not asked while there are errors"
        ),
        "1 error, 0 warnings",
    ]


def test_a_folder_stands_for_its_gateway_file(tmp_path: Path) -> None:
    write(tmp_path, {"gateway.yaml": GOOD})
    assert CliRunner().invoke(main, ["validate", str(tmp_path)]).exit_code == 0


def test_json_and_github_say_the_same_as_the_text(tmp_path: Path) -> None:
    file = write(tmp_path, {"gateway.yaml": WRONG})
    body = json.loads(CliRunner().invoke(main, ["validate", str(file), "--format", "json"]).output)
    assert [(each["code"], each["line"], each["column"]) for each in body["findings"]] == [("MG0301", 3, 19)]
    first = CliRunner().invoke(main, ["validate", str(file), "--format", "github"]).output.splitlines()[0]
    assert first.startswith("::error file=")
    assert ",line=3,col=19,endColumn=23,title=MG0301::" in first


def test_list_names_every_built_in_plugin_with_what_it_needs() -> None:
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 0
    assert {"memory", "wordllama", "recent", "semantic"} <= set(result.output.split())
    assert CliRunner().invoke(main, ["list", "strategies"]).output.count(":\n") == 1


def test_help_names_every_verb_and_imports_none() -> None:
    code = (
        "import sys\nfrom gateway.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'litestar', 'numpy', 'jsonschema', 'yaml', 'msgspec', 'gateway.config.compiler'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "heavy: []" in told
    for verb in ("validate", "schema", "list"):
        assert f"\n  {verb} " in told
