"""`memory-gateway restore`: records that retention has moved to an archive, back where they were.

Exit codes: 0 done, 1 a broken configuration or something failed on the way, 2 wrong usage, 4 a provider does not open.
"""

import os
import sys
from pathlib import Path

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import config_of
from gateway.cli.visiting import routes_of, visited
from gateway.domain.erasure import has_ended
from gateway.domain.scope import Reach
from gateway.jobs.erasure.remembered import remembered
from gateway.runtime.snapshot import Snapshot
from gateway.services.retention.restoring import restore


@click.command("restore")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--tenant", required=True, help="Whose routes.")
@click.option("--route", help="Only the route of this name; else all that have an archive.")
@click.option("--user", help="Only this user's records.")
@click.option("--agent", help="Only this agent's.")
@click.option("--run", help="Only this session's.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what is there, and bring nothing back.")
def command(
    config: Path, tenant: str, *, route: str | None, user: str | None, agent: str | None, run: str | None, dry: bool
) -> None:
    """Bring archived records back with their ids, one version on. What is there already is left as it is."""
    chosen = [each for each in routes_of(config_of(config), tenant, route) if each.archive]
    if not chosen:
        raise click.UsageError("no such route has an archive (retention.archive)")

    async def work(snapshot: Snapshot) -> None:
        fences = await remembered(snapshot.config, now, os.urandom)
        for each in chosen:
            reach = Reach(tenant, each.layer.space, user, agent, run)
            bound = snapshot.tenants[tenant].routes[each.name]
            told = await restore(bound, reach, lambda record: has_ended(fences, record), dry=dry)
            for record in told.missing if dry else ():
                whose = "".join(f" of {part}" for part in (record.scope.user, record.scope.run) if part)
                click.echo(f"  {record.kind} {record.id}{whose}, {record.created_at:%Y-%m-%d %H:%M}")
            numbers = (
                f"archived {told.found:,}  restored {told.restored:,}  there {told.there:,}  refused {told.refused:,}"
            )
            numbers += f"  erased since {told.ended:,}" if told.ended else ""
            click.echo(f"{tenant}/{each.name}  {'would be: ' if dry else ''}{numbers}")

    sys.exit(visited(config, work))
