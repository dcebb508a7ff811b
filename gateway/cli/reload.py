"""`memory-gateway reload`: have a running gateway take the files as they are now, and wait until every worker has.

Exit codes: 0 done, 6 rejected (what served goes on serving), 1 not reachable.
"""

import sys

import click

from gateway.cli.outcomes import outcome_lines, worker_lines
from gateway.cli.remote import REJECTED, Gateway, at_gateway


@click.command("reload")
@click.option("--wait", is_flag=True, default=True, help="Until every worker serves it; always so.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and do not do it.")
@click.option(
    "--insist", is_flag=True, help="Also what a rollback holds back, what removes many tenants or breaks some."
)
@click.option("--expect", default="", metavar="DIGEST", help="Refuse files of any other digest.")
@at_gateway()
def command(gateway: Gateway, wait: bool, dry_run: bool, insist: bool, expect: str) -> None:
    """Take the files as they are now, on every worker of a running gateway."""
    del wait
    asked = {"dry_run": dry_run, "insist": insist, "expect": expect}
    reply = gateway.post("/admin/reload", **{name: str(value).lower() for name, value in asked.items() if value})
    for line in (*outcome_lines(reply["outcome"]), *worker_lines(reply["workers"])):
        click.echo(line)
    if reply["outcome"]["result"] == "rejected" or not reply["agreed"]:
        sys.exit(REJECTED)
