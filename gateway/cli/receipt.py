"""`memory-gateway receipt`: check a receipt of an erasure without any gateway, read it, or name the key it is checked with.

Exit codes: 0 it holds, 1 it does not or cannot be read, 2 wrong usage.
"""

import os
import sys
from pathlib import Path

import click
import msgspec

from gateway.cli.carrying import config_of
from gateway.domain.errors import Invalid, Tampered
from gateway.receipts.receipt import Receipt
from gateway.receipts.signing import Signer, checked, kept_private, read_private, read_public

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))


@click.group("receipt")
def command() -> None:
    """Receipts of erasures: check and read them, offline."""


@command.command("verify")
@_file
@click.option("--key", required=True, help="The public key: a PEM file, or its 32 bytes in hex or base64.")
def verify(file: Path, key: str) -> None:
    """Whether FILE is what a gateway with this key has signed, byte for byte in what it says."""
    try:
        public = read_public(Path(key).read_text() if Path(key).is_file() else key)
    except (Invalid, OSError) as error:
        raise click.UsageError(f"--key: {getattr(error, 'detail', error)}") from None
    try:
        receipt = checked(_read(file), public)
    except Tampered as error:
        click.echo(f"NOT VALID: {error.detail}", err=True)
        sys.exit(1)
    click.echo(f"valid: {receipt.status.value}, signed by {receipt.key}")
    _tell(receipt)


@command.command("show")
@_file
def show(file: Path) -> None:
    """What FILE says, without checking who signed it."""
    try:
        receipt = msgspec.json.decode(_read(file), type=Receipt)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        click.echo(f"no receipt: {error}", err=True)
        sys.exit(1)
    click.echo(f"not checked: {receipt.status.value}, says it is signed by {receipt.key}")
    _tell(receipt)


@command.command("key")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
def key(config: Path) -> None:
    """The public key that receipts of CONFIG's gateway are checked with. Made where there is none yet."""
    read = config_of(config)
    written = read.receipts
    signer: Signer = (
        read_private(written.key.reveal())
        if written.key is not None
        else kept_private(Path(read.home, written.file), os.urandom)
    )
    click.echo(signer.public(), nl=False)


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def _tell(receipt: Receipt) -> None:
    click.echo(f"erasure  {receipt.id}, receipt {receipt.number} of tenant {receipt.tenant}")
    click.echo(f"subject  {receipt.subject}")
    click.echo(f"begun    {receipt.began_at.isoformat()}, issued {receipt.issued_at.isoformat()}")
    counts = ", ".join(f"{count:,} {kind}" for kind, count in receipt.deleted.items()) or "nothing"
    click.echo(f"deleted  {counts}; {receipt.queued:,} queued deliveries; {len(receipt.keys):,} keys shredded")
    for target in receipt.targets:
        left = ", ".join(f"{count:,} {kind}" for kind, count in target.after.items())
        why = f": {target.reason}" if target.reason else ""
        click.echo(
            f"  {target.provider} ({target.type})  {target.method.value}{why}{f'; left: {left}' if left else ''}"
        )
    for each in receipt.uncovered:
        click.echo(f"not covered: {each}")
    if receipt.previous:
        click.echo(f"follows  {receipt.previous}")
