"""`memory-gateway explain-code`: what a finding's code means, why it matters and what to do, by example."""

import click

from gateway.config.codes import CODES
from gateway.config.explaining import explained, table
from gateway.config.suggest import nearest


@click.command("explain-code")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain CODE, such as MG0307, with an example and its correction; without it, list all codes."""
    if code is None:
        click.echo(table())
        return
    known = code.upper()
    if known not in CODES:
        near = nearest(known, CODES)
        raise click.UsageError(
            f"there is no code {code!r}{f'; did you mean {near}?' if near else ''} Without a code, all are listed."
        )
    click.echo(explained(known))
