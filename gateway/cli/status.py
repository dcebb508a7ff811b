"""`memory-gateway status`: what a running gateway serves, and what became of the last change of its files.

Exit codes: 0, or 1 where no gateway can be reached; with --exit-code, 6 where something needs an operator.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.outcomes import outcome_lines, serving, short, worker_lines
from gateway.cli.remote import REJECTED, Gateway, at_gateway


@click.command("status")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--exit-code", is_flag=True, help="Exit with 6 where a change was rejected or a tenant is not ready.")
@at_gateway()
def command(gateway: Gateway, form: str, exit_code: bool) -> None:
    """Tell what is served, whether the files are, and how the tenants stand."""
    reply = gateway.get("/admin/status")
    units = [each for each in gateway.get("/admin/units") if each["state"] != "ready"]
    if form == "json":
        click.echo(json.dumps({**reply, "units": units}, indent=2))
    else:
        for line in (
            *status_lines(reply["status"]),
            *worker_lines(reply["workers"]),
            *fault_lines(reply["workers"]),
            *unit_lines(units),
        ):
            click.echo(line)
    agreed = len({each["digest"] for each in reply["workers"]}) <= 1
    if exit_code and not (_well(reply["status"]) and agreed and not units):
        sys.exit(REJECTED)


def status_lines(status: dict[str, Any]) -> Iterator[str]:
    yield f"serving   {serving(status)}, since {status['applied_at']}"
    yield f"files     {_files(status)}"
    yield f"tenants   {', '.join(f'{count} {state}' for state, count in status['tenants'].items())}"
    first, *more = outcome_lines(status["last"])
    yield f"last      {first}"
    yield from more


def fault_lines(workers: list[dict[str, Any]]) -> Iterator[str]:
    """What nobody should take for a real outage."""
    for each in workers:
        for provider, seconds in each["faults"].items():
            yield f"faults    on purpose before {provider}, for {seconds:g} s more (worker {each['pid']})"


def unit_lines(units: list[dict[str, Any]]) -> Iterator[str]:
    for each in units:
        yield f"{each['state']:<9} {each['name']}, since {each['since']}"
        yield from (f"  {reason}" for reason in each["reasons"])


def _files(status: dict[str, Any]) -> str:
    now = short(status["disk_digest"])
    if not status["disk_valid"]:
        return f"{now}: would not be served after a restart"
    if status["held"]:
        return f"{now}: held back by a rollback until they change"
    return "as served" if status["disk_digest"] == status["digest"] else f"{now}: not served"


def _well(status: dict[str, Any]) -> bool:
    return status["disk_valid"] and not status["held"] and status["last"]["result"] != "rejected"
