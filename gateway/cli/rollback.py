"""`memory-gateway rollback`: have a running gateway serve an earlier generation again, until its files change.

Exit codes: 0 done, 6 rejected (what served goes on serving), 1 not reachable.
"""

import sys

import click

from gateway.cli.outcomes import outcome_lines, worker_lines
from gateway.cli.remote import REJECTED, Gateway, at_gateway


@click.command("rollback")
@click.argument("generation", type=click.IntRange(min=1))
@at_gateway()
def command(gateway: Gateway, generation: int) -> None:
    """Serve GENERATION again, one of `memory-gateway history`; the files are held back until they change."""
    reply = gateway.post(f"/admin/rollback/{generation}")
    for line in (*outcome_lines(reply["outcome"]), *worker_lines(reply["workers"])):
        click.echo(line)
    if reply["outcome"]["result"] == "rejected" or not reply["agreed"]:
        sys.exit(REJECTED)
