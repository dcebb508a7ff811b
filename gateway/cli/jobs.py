"""`memory-gateway jobs`: what is still to be done in the background, read from where it is kept, with the gateway running
or not.

Exit codes: 0 done, and also where there is nothing to list; 1 the configuration is broken, the store cannot be asked, or
no job has one of the ids; 2 wrong usage; 6 with `ls --exit-code`, where a job is dead.
"""

import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from gateway.cli.remote import REJECTED
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.jobs.job import State
from gateway.runtime.background import Listed

if TYPE_CHECKING:
    from gateway.jobs.shelves import Shelf

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_HEAD: Final = ("id", "kind", "source -> target", "records", "attempts", "age", "state", "reason")


@click.group("jobs")
def command() -> None:
    """List what is still to be delivered, erased or told, try it again or drop it."""


def _config(function: Command) -> Command:
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, exists=True),
        envvar="MEMORY_GATEWAY_CONFIG",
        default="gateway.yaml",
        help="The gateway's file; it says where the jobs are kept.",
    )(function)


@command.command("ls")
@_config
@click.option("--dead", is_flag=True, help="Only those that are given up.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--exit-code", is_flag=True, help="Exit with 6 where a job is dead.")
def ls(config: Path, dead: bool, form: str, exit_code: bool) -> None:
    """List the jobs, oldest first."""
    with _asked(config) as shelves:
        listed = [each for shelf in shelves for each in shelf.listed(dead=dead)]
    jobs = sorted(listed, key=lambda each: -each.age)
    if form == "json":
        click.echo(json.dumps([msgspec.to_builtins(each) for each in jobs], indent=2))
    else:
        _table([_HEAD, *map(_row, jobs)] if jobs else [])
    if exit_code and any(each.state == State.DEAD for each in jobs):
        sys.exit(REJECTED)


@command.command("retry")
@_config
@click.argument("ids", nargs=-1)
@click.option("--dead", is_flag=True, help="All that are given up.")
def retry(config: Path, ids: tuple[str, ...], dead: bool) -> None:
    """Begin these jobs anew, now. One that is running is left alone."""
    _change(config, ids, dead, "begun anew", lambda shelf, chosen: shelf.retry(chosen))


@command.command("drop")
@_config
@click.argument("ids", nargs=-1)
@click.option("--dead", is_flag=True, help="All that are given up.")
def drop(config: Path, ids: tuple[str, ...], dead: bool) -> None:
    """Forget these jobs: their targets never get what they owe. An erasure cannot be dropped."""
    _change(config, ids, dead, "dropped", lambda shelf, chosen: shelf.drop(chosen))


def _change(
    config: Path,
    ids: tuple[str, ...],
    dead: bool,
    what: str,
    change: Callable[["Shelf", Sequence[str] | None], int],
) -> None:
    if bool(ids) == dead:
        raise click.UsageError("name jobs by their ids, or give --dead")
    with _asked(config) as shelves:
        done = sum(change(shelf, None if dead else ids) for shelf in shelves)
    click.echo(f"{done} {'job' if done == 1 else 'jobs'} {what}")
    if done < len(ids):
        sys.exit(1)


@contextmanager
def _asked(config: Path) -> Generator[list["Shelf"]]:
    """Those on which something was ever kept."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    from gateway.jobs.shelves import shelves

    try:
        with ExitStack() as stack:
            yield shelves(compiled.config, lambda: datetime.now(UTC), stack)
    except Exception as error:  # noqa: BLE001 - a driver may raise anything, and its words may name accounts
        click.echo(f"the jobs cannot be asked: {type(error).__name__}", err=True)
        sys.exit(1)


def _row(job: Listed) -> tuple[str, ...]:
    pair = f"{job.source} -> {job.target}" if job.target else job.source
    return (job.id, job.kind, pair, str(job.records), str(job.attempts), _span(job.age), job.state, job.reason)


def _table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _span(seconds: float) -> str:
    """In its largest unit: 90 is 1m."""
    return next((f"{int(seconds // size)}{unit}" for size, unit in _UNITS if seconds >= size), "0s")
