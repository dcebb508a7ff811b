"""`memory-gateway erase`: have a running gateway erase all that it keeps of one user, and keep the receipt.

Exit codes: 0 every target has confirmed, 3 some are still pending, 1 refused or not reachable, 2 wrong usage.
"""

import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from gateway.cli.carrying import PARTLY
from gateway.cli.remote import Gateway, at_gateway
from gateway.domain.units import Duration

_LOOK_SECONDS: Final = 2.0


@click.command("erase")
@click.argument("user")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(["memory", "message", "checkpoint"]), help="Only these."
)
@click.option("--refuse-new", is_flag=True, help="Take nothing of this user any more.")
@click.option("--receipt", type=click.Path(path_type=Path, dir_okay=False), help="Where the receipt goes.")
@click.option("--wait", type=Duration, default="30s", help="How long to wait for targets that are away.")
@at_gateway(
    key="A key of the tenant with the role eraser, not one of admin.api_keys; also $MEMORY_GATEWAY_KEY.", envvar="KEY"
)
def command(
    gateway: Gateway, user: str, kinds: tuple[str, ...], receipt: Path | None, wait: Duration, *, refuse_new: bool
) -> None:
    """Erase everything that a running gateway keeps of USER. The key is one of the tenant's, with the role eraser."""
    path = f"/v1/subjects/{quote(user, safe='')}"
    until = time.monotonic() + wait.seconds
    asked: dict[str, Any] = {"kinds": list(kinds)} if kinds else {}
    reply = gateway.delete(
        path, wait_seconds=min(wait.seconds, 50.0), **asked, **({"refuse_new": "true"} if refuse_new else {})
    )
    while reply["status"] != "done" and time.monotonic() < until:
        time.sleep(min(_LOOK_SECONDS, max(0.0, until - time.monotonic())))
        reply = gateway.get(f"{path}/erasures/{reply['id']}")
    click.echo(
        f"{reply['status']}: {reply['deleted']:,} records ({reply['deleted_memories']:,} memories, "
        f"{reply['deleted_sessions']:,} sessions, {reply['deleted_checkpoints']:,} checkpoints), erasure {reply['id']}"
    )
    for target in reply["targets"]:
        why = f": {target['reason']}" if target["reason"] else ""
        click.echo(f"  {target['provider']} ({target['type']})  {target['method']}{why}")
    if receipt is not None:
        receipt.write_bytes(gateway.raw(f"{path}/erasures/{reply['id']}", format="receipt"))
    if reply["status"] != "done":
        sys.exit(PARTLY)
