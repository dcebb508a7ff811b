"""`memory-gateway history`: the generations that a running gateway can go back to, and what happened to its files.

Exit codes: 0, or 1 where no gateway can be reached.
"""

import click

from gateway.cli.outcomes import short
from gateway.cli.remote import Gateway, at_gateway


@click.command("history")
@click.option("--events", is_flag=True, help="Everything that happened, refusals among it.")
@at_gateway()
def command(gateway: Gateway, events: bool) -> None:
    """List the generations that `memory-gateway rollback` can go back to."""
    if events:
        for each in gateway.get("/admin/events"):
            click.echo(f"{each['at']}  {each['what']:<10} {each['detail']}".rstrip())
        return
    for each in gateway.get("/admin/history"):
        click.echo(f"{each['generation']:>6}  {short(each['digest'])}  {each['at']}  {each['cause']}")
