"""`memory-gateway test`: the promises of a configuration, played through the real services on backends in memory.

Exit codes: 0 all kept, 1 a case failed or a file cannot be used or too little is covered, 2 wrong usage.
"""

import asyncio
import os
import sys
from pathlib import Path

import click

from gateway.cli.cases import CaseRun, coverage, finding, junit
from gateway.config.cases.suite import SUFFIX, Suite, read_suite
from gateway.config.catalog import Catalog
from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.showing import Showing
from gateway.config.written import Written
from gateway.embedders.tokens import load_counter
from gateway.runtime.stage import HeldClock, Stage
from gateway.services.rehearsing import NOW, play


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--fail-under", type=click.FloatRange(0, 100), help="Percent of each tenant's routes to be reached.")
@click.option("--junit", "report", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML there too.")
def command(paths: tuple[Path, ...], fail_under: float | None, report: Path | None) -> None:
    """Run config tests: PATHS are *.test.yaml files, or folders that hold some (default: here)."""
    files = _files(paths or (Path(),))
    if not files:
        raise click.UsageError(f"there is no *{SUFFIX} file in {', '.join(map(str, paths)) or 'this folder'}")
    runs: list[CaseRun] = []
    broken: dict[Path, list[Diagnostic]] = {}
    for file in files:
        suite, notes = read_suite(file, os.environ, Catalog.installed())
        for note in notes:
            click.echo(finding(note), err=True)
        if suite is None:
            broken[file] = [note for note in notes if note.severity is Severity.ERROR]
            continue
        runs += asyncio.run(_played(suite))
    covered = coverage(runs)
    for each in covered:
        click.echo(each.line())
    failed = [each for each in runs if not each.passed]
    unread = f", {len(broken)} file{'' if len(broken) == 1 else 's'} not usable" if broken else ""
    click.echo(f"{len(runs)} cases: {len(runs) - len(failed)} ok, {len(failed)} failed{unread}")
    if report is not None:
        report.write_text(junit(runs, broken), "utf-8")
    thin = [each for each in covered if fail_under is not None and each.percent < fail_under]
    for each in thin:
        click.echo(
            f"{each.tenant}: {each.percent:.0f}% of the routes are reached, {fail_under:g}% are asked for", err=True
        )
    sys.exit(1 if failed or broken or thin else 0)


async def _played(suite: Suite) -> list[CaseRun]:
    """Plays the cases in the order of the file and tells each as it ends."""
    click.echo(str(suite.file))
    stage, shown = Stage(suite.config, load_counter()), Showing(suite.config, Written.of(suite.config))
    runs: list[CaseRun] = []
    async with stage.kept_open(HeldClock(NOW)):
        for number, case in enumerate(suite.written.cases):
            played = await play(stage, suite.config, shown, suite.tenant(case), case)
            one = CaseRun(suite=suite, number=number, played=played)
            runs.append(one)
            click.echo(f"  {'ok  ' if one.passed else 'FAIL'}  {one.name}")
            for told in one.told():
                click.echo(f"        {told}")
    return runs


def _files(paths: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    return list(dict.fromkeys(found))
