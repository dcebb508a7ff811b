# ruff: noqa: N999 -- the file of a verb has the verb's name
"""`memory-gateway import`: lines that `export` wrote, into a declared provider. Every line is checked before it is stored.

Exit codes: 0 done, 1 a bad line (then nothing is stored), a broken configuration or stopped on the way, 2 wrong usage,
3 done but for bad lines or kinds that the provider cannot hold, 4 the provider does not open.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import (
    FAILED,
    PARTLY,
    checked_place,
    checked_provider,
    checked_tenants,
    config_of,
    kinds_told,
    run,
)
from gateway.config.compiled import Config
from gateway.domain.erasure import has_ended
from gateway.domain.errors import Invalid
from gateway.jobs.erasure.remembered import remembered
from gateway.runtime.lending import Lender, capabilities_of, fingerprint_of
from gateway.services.moving.importing import Door, Imported, Importing, numbered
from gateway.services.moving.lines import read_header


@click.command("import")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--provider", "key", required=True, help="Where the records are to be.")
@click.option("--as-tenant", "tenant", help="Whose they become, instead of the tenant's that they were exported from.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="stop: one bad line, and nothing is stored. skip: all others are.",
)
@click.option("--skip-kinds", is_flag=True, help="Leave out what the provider cannot hold, without exit code 3.")
def command(config: Path, key: str, tenant: str | None, **asked: Any) -> None:
    """Read records as JSON lines from the input; what is there already and as new stays as it is, and what was erased
    since stays away."""
    read = config_of(config)
    checked_provider(read, "--provider", key)
    with _seekable(sys.stdin.buffer) as stream:
        whose = tenant or _exported_from(stream)
        checked_tenants(read, "--as-tenant" if tenant else "the first line", [whose])
        told = checked_place(read, "--provider", checked_provider(read, "--provider", key, [whose]))
        if told:
            click.echo(told, err=True)
        sys.exit(run(read, lambda lender: _imported(lender, read, key, whose, stream, asked)))


def _seekable(stream: BinaryIO) -> BinaryIO:
    """The lines are read twice: checked, then stored. What cannot be read twice is set down in a file without a name."""
    if stream.seekable():
        return stream
    spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 -- the caller closes it
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool


def _exported_from(stream: BinaryIO) -> str:
    start = stream.tell()
    try:
        return read_header(next(numbered(stream), (1, b""))[1]).tenant
    except Invalid as error:
        click.echo(error.detail, err=True)
        sys.exit(FAILED)
    finally:
        stream.seek(start)


async def _imported(
    lender: Lender, config: Config, key: str, tenant: str, stream: BinaryIO, asked: dict[str, Any]
) -> int:
    fences = await remembered(config, now, os.urandom)
    door = Door(
        provider=await lender.provider(key),
        kinds=capabilities_of(config, key).kinds,
        tenant=tenant,
        embedder=await lender.embedder(key),
        fingerprint=fingerprint_of(config, key),
        ended=lambda record: has_ended(fences, record),
    )
    if asked["on_error"] == "stop":
        start = stream.tell()
        bad = sum(record is None for _, record in Importing(door, now(), _tell).checked(stream))
        if bad:
            click.echo(f"{bad:,} bad lines; nothing was stored", err=True)
            return FAILED
        stream.seek(start)
    done = await Importing(door, now(), _tell).put(stream)
    click.echo(_told(done), err=True)
    return PARTLY if done.bad or (done.left and not asked["skip_kinds"]) else 0


def _tell(number: int, why: str) -> None:
    click.echo(f"line {number}: {why}", err=True)


def _told(done: Imported) -> str:
    parts = [f"{done.lines:,} lines: {done.stored:,} stored"]
    parts += [f"{done.there:,} there already"] if done.there else []
    parts += [f"{done.expired:,} expired"] if done.expired else []
    parts += [f"{done.ended:,} of users who were erased since"] if done.ended else []
    parts += [f"{done.bad:,} bad"] if done.bad else []
    parts += [f"left out, as it cannot hold them: {kinds_told(done.left)}"] if done.left else []
    return ", ".join(parts)
