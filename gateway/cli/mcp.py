"""`memory-gateway mcp`: memory as tools over standard input and output, for programs that start their servers so.

Exits 0 when the input ends, 78 when the configuration cannot be served.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import click
import httpx

from gateway.cli.assembly import now, steering, to_stderr
from gateway.cli.logs import configure_logs
from gateway.cli.serve import REFUSED
from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.domain.errors import GatewayError
from gateway.embedders.tokens import load_counter


@click.command("mcp")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--url", help="A running gateway, which answers in the place of one in this process.")
@click.option("--key", envvar="MEMORY_GATEWAY_KEY", help="API key. $MEMORY_GATEWAY_KEY; none for an open tenant.")
@click.option("--user", default="", help="Whose memories the tools are about, where a call does not say.")
@click.option("--route", default="", help="The route to use, where it is not the tenant's default.")
def command(config: Path | None, url: str | None, key: str | None, user: str, route: str) -> None:
    """Offer memory as MCP tools on standard input and output, from CONFIG or from a running gateway."""
    configure_logs("warning")
    sent = {**({"Authorization": f"Bearer {key}"} if key else {}), **({"X-Memory-Route": route} if route else {})}
    settings = ProcessSettings() if config is None else ProcessSettings(config=config)
    try:
        asyncio.run(_serve(settings, url, sent, user))
    except GatewayError as error:
        click.echo(error.detail, err=True)
        sys.exit(REFUSED)


async def _serve(settings: ProcessSettings, url: str | None, sent: dict[str, str], user: str) -> None:
    from gateway.faces.mcp.stdio import bridge

    async with AsyncExitStack() as stack:
        transport = None if url else await _here(settings, stack)
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=url or "http://here", headers=sent, timeout=120)
        )
        await bridge(_lines(), http, _tell, user)


async def _here(settings: ProcessSettings, stack: AsyncExitStack) -> httpx.ASGITransport:
    """A gateway in this process that serves this one face."""
    from gateway.faces.http.admission import Admission
    from gateway.faces.http.lines import Lines
    from gateway.faces.http.serving import Served
    from gateway.faces.mcp.server import PHRASES

    helm = steering(settings, now, Catalog.installed(), load_counter())
    await helm.start()
    stack.push_async_callback(helm.stop)
    lines = Lines(to_stderr, now)
    stack.callback(lines.flush)
    served = Served(PHRASES[0], helm.running, lines, Admission(helm.running.means.meters))
    return httpx.ASGITransport(app=served)  # type: ignore[arg-type]  # its own kind of ASGI application


async def _lines() -> AsyncIterator[bytes]:
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        yield line


def _tell(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
