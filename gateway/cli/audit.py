"""`memory-gateway audit`: whether what an `audit` hook has written is whole, and how a value looks in it.

`verify` exits 0 when every line is in order, 1 when one is not, 2 when it was asked wrongly.
"""

import sys
from pathlib import Path

import click

from gateway.hooks.audit.chain import Keys
from gateway.hooks.audit.verifying import verify as verified

KEY = "MEMORY_GATEWAY_AUDIT_KEY"
_key = click.option("--key", envvar=KEY, show_envvar=True, help="The hook's key. Without it, seals are not checked.")
_key_file = click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="A file that holds it.")


@click.group("audit")
def command() -> None:
    """Files that an audit hook has written."""


@command.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--partial", is_flag=True, help="Earlier and later files of a chain may be missing.")
@_key
@_key_file
def verify(files: tuple[Path, ...], partial: bool, key: str | None, key_file: Path | None) -> None:
    """Name the first bad line of each of FILES; audit*.jsonl are all of one hook."""
    keys = _keys(key, key_file)
    found = verified(files, keys, partial=partial)
    for part in found.parts:
        click.echo(f"{part.file}: lines {part.first.seq} to {part.last.seq} of chain {part.first.chain[-12:]}")
    for each in found.findings:
        at = f"{each.file}:{each.line}" if each.line else f"{each.file}"
        click.echo(f"{at}: {each.wrong}", err=True)
    if keys is None and any(part.first.mac for part in found.parts):
        click.echo("seals were not checked: no key was given", err=True)
    if found.findings:
        sys.exit(1)


@command.command("hash")
@click.argument("value")
@_key
@_key_file
def hash_(value: str, key: str | None, key_file: Path | None) -> None:
    """Print what stands for VALUE, a user's id for example, in files that were written under the key."""
    keys = _keys(key, key_file)
    if keys is None:
        raise click.UsageError(f"give --key, --key-file or {KEY}")
    click.echo(keys.value(value))


def _keys(key: str | None, key_file: Path | None) -> Keys | None:
    if key_file is not None:
        key = key_file.read_text(encoding="utf-8").rstrip("\n")
    return Keys.of(key) if key else None
