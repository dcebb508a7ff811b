"""`memory-gateway sweep`: what the retention of routes asks for, done now, or with `--dry-run` only told.

Exit codes: 0 done, 1 a broken configuration or something failed on the way, 2 wrong usage, 4 a provider does not open.
"""

import sys
from pathlib import Path

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import config_of
from gateway.cli.visiting import routes_of, visited
from gateway.runtime.snapshot import Snapshot
from gateway.services.retention.scheduling import counts, sweeps
from gateway.services.retention.sweeping import Swept, sweep


@click.command("sweep")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--tenant", help="Only this one's routes.")
@click.option("--route", help="Only routes of this name.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what would go, and change nothing.")
def command(config: Path, tenant: str | None, route: str | None, *, dry: bool) -> None:
    """Remove what is too old or too much by the retention of the routes, into their archives where they have them."""
    chosen = routes_of(config_of(config), tenant, route)

    async def work(snapshot: Snapshot) -> None:
        bound = [snapshot.tenants[each.tenant].routes[each.name] for each in chosen]
        kept = [each for each in bound if sweeps(each)]
        if not kept:
            click.echo("no route has a retention or limits of sessions")
        for each in kept:
            _tell(await sweep(each, now(), dry=dry))

    sys.exit(visited(config, work))


def _tell(swept: Swept) -> None:
    """One line for each route; in a dry run, one more for everything that would go."""
    if swept.dry:
        for each in swept.going:
            whose = f" of {each.user}" if each.user else ""
            click.echo(f"  {each.why:<9} {each.kind} {each.id}{whose}, {each.records} record(s)")
    numbers = "  ".join(f"{what} {count:,}" for what, count in counts(swept).items())
    click.echo(f"{swept.tenant}/{swept.route}  {'would go: ' if swept.dry else ''}{numbers}")
