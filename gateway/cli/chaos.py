"""`memory-gateway chaos`: put faults before one provider of a running gateway, for a while, and see what its routes do.

Exit codes: 0 done, 6 not on every worker, 1 refused or not reachable, 2 asked for what cannot be.
"""

import sys
from pathlib import Path

import click

from gateway.cli.remote import REJECTED, Gateway, at_gateway
from gateway.domain.units import Duration

_SHARE = click.FloatRange(0, 1)


@click.command("chaos")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--provider", required=True, help="Its name; TENANT/NAME of a tenant's own.")
@click.option("--errors", type=_SHARE, default=0.0, help="Share of calls that fail before they are made.")
@click.option("--cut", type=_SHARE, default=0.0, help="Share that fail after they have been made.")
@click.option("--hang", type=_SHARE, default=0.0, help="Share that never end by themselves.")
@click.option("--latency", type=Duration, default="0s", help="What every call takes longer.")
@click.option("--for", "lasting", type=Duration, default="60s", help="How long; it ends by itself, in an hour at most.")
@click.option("--stop", is_flag=True, help="End what is under way.")
@at_gateway()
def command(  # noqa: PLR0913, PLR0917 - one for each option
    gateway: Gateway,
    config: Path | None,
    provider: str,
    errors: float,
    cut: float,
    hang: float,
    latency: Duration,
    lasting: Duration,
    stop: bool,
) -> None:
    """Put faults before one provider of a running gateway, on every worker, for a limited time.

    The running gateway must allow it: `admin: {chaos: true}`. CONFIG is not read; it may be named for the record.
    """
    del config
    faults = {"errors": errors, "cut": cut, "hang": hang, "latency": latency.seconds}
    if not stop and not any(faults.values()):
        raise click.UsageError("say what should go wrong: --errors, --cut, --hang or --latency")
    asked = {"seconds": 0} if stop else {"seconds": lasting.seconds, **faults}
    reply = gateway.post("/admin/chaos", provider=provider, **asked)
    troubled = [each for each in reply["workers"] if provider in each["faults"]]
    many = len(reply["workers"])
    if stop:
        click.echo(f"ended: no faults before {provider} on {many - len(troubled)} of {many} workers")
    else:
        named = ", ".join(f"{name} {value:g}" for name, value in faults.items() if value)
        click.echo(f"faults before {provider} on {len(troubled)} of {many} workers for {lasting.seconds:g} s: {named}")
    if not reply["agreed"]:
        sys.exit(REJECTED)
