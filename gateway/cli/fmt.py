"""`memory-gateway fmt`: configuration files in one layout, with their comments. Never changes what they mean.

Exit codes: 0 fine, 1 a file cannot be formatted, or with --check is not formatted, 2 wrong usage.
"""

import difflib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from gateway.config.catalog import Catalog
from gateway.config.formatting.formatted import Formatted, format_file


@click.command("fmt")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file is not formatted.")
@click.option("--diff", "differences", is_flag=True, help="Write nothing; print what would change.")
def command(paths: tuple[Path, ...], check: bool, differences: bool) -> None:
    """Format PATHS: files, or folders with all their *.yaml that belong to the language."""
    if find_spec("ruamel") is None:
        raise click.ClickException("fmt needs the package ruamel.yaml: pip install 'memory-gateway[fmt]'")
    catalog = Catalog.installed()
    changed = failed = count = 0
    for file, given in _files(paths):
        formatted = format_file(file, catalog)
        if formatted.text is None:
            failed += _left_alone(file, formatted, given=given)
            continue
        count += 1
        before = file.read_bytes().decode()
        if formatted.text == before:
            continue
        changed += 1
        if differences:
            lines = before.splitlines(), formatted.text.splitlines()
            click.echo("\n".join(difflib.unified_diff(*lines, str(file), str(file), lineterm="")))
        if not check and not differences:
            file.write_text(formatted.text, "utf-8", newline="\n")
        click.echo(f"{'not formatted' if check or differences else 'formatted'}: {file}", err=True)
    click.echo(f"{count} files, {changed} {'to change' if check or differences else 'changed'}", err=True)
    sys.exit(1 if failed or (check and changed) else 0)


def _left_alone(file: Path, formatted: Formatted, *, given: bool) -> bool:
    """Says why, and whether that is a failure: in a folder, other programs' files are none."""
    stranger = formatted.why == "it is no file of this language"
    for note in formatted.notes:
        click.echo(note.line(), err=True)
    if given or not stranger:
        click.echo(f"left alone: {file}: {formatted.why}", err=True)
    return given or not stranger


def _files(paths: tuple[Path, ...]) -> Iterator[tuple[Path, bool]]:
    """Each file once, and whether it was named itself."""
    seen: set[Path] = set()
    for path in paths:
        for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
            if file not in seen:
                seen.add(file)
                yield file, not path.is_dir()
