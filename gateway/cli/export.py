"""`memory-gateway export`: everything that a tenant has at a declared provider, as one readable document a line.

Exit codes: 0 done, 1 a broken configuration or stopped on the way, 2 wrong usage, 4 the provider does not open.
"""

import sys
from contextlib import aclosing
from pathlib import Path

import click

from gateway.cli.assembly import now
from gateway.cli.carrying import checked_place, checked_provider, checked_tenants, config_of, run
from gateway.runtime.lending import Lender, capabilities_of, fingerprint_of
from gateway.services.moving.exporting import exported


@click.command("export")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--provider", "key", required=True, help="Where the records are.")
@click.option("--tenant", required=True, help="Whose.")
@click.option("--vectors", is_flag=True, help="With vectors, in base64; without, importing makes them anew.")
def command(config: Path, key: str, tenant: str, *, vectors: bool) -> None:
    """Write a tenant's records to the output as JSON lines, oldest first, after a line about them."""
    read = config_of(config)
    checked_tenants(read, "--tenant", [tenant])
    told = checked_place(read, "--provider", checked_provider(read, "--provider", key, [tenant]))
    if told:
        click.echo(told, err=True)

    async def work(lender: Lender) -> int:
        provider, written = await lender.provider(key), 0
        embedder = fingerprint_of(read, key) if vectors else None
        kinds = capabilities_of(read, key).kinds
        stream = sys.stdout.buffer
        async with aclosing(exported(provider, tenant, kinds, now(), embedder)) as pages:
            async for lines, count in pages:
                stream.write(lines)
                written += count
        stream.flush()
        click.echo(f"{written:,} records", err=True)
        return 0

    sys.exit(run(read, work))
