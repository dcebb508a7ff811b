"""Floor 4: one verb in each file. A verb is a file with a function `command`; it is imported when it is run. A - in its
name is a _ in the file's.

Listing the verbs reads their files as text, so `--help` imports none of them.
"""

import ast
import importlib
from pathlib import Path

import click


class Verbs(click.Group):
    """Finds verbs beside this file, in alphabetical order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _verbs():
            return None
        verb = importlib.import_module(f"gateway.cli.{cmd_name.replace('-', '_')}").command
        return verb if isinstance(verb, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, told.split("\n")[0]) for name, told in sorted(_verbs().items())])


def _verbs() -> dict[str, str]:
    """Name of each verb and what it says of itself."""
    verbs: dict[str, str] = {}
    for file in Path(__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "command":
                verbs[file.stem.replace("_", "-")] = ast.get_docstring(node) or ""
    return verbs


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="memory-gateway")
def main() -> None:
    """One memory API for every agent, declared in YAML."""
