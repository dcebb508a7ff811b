"""`memory-gateway serve`: check the configuration, then serve it, in one process or in several.

Exits 0 when it was asked to stop, 78 when the configuration cannot be served, 1 for anything else; what is wrong is
said in one line.
"""

import logging
import math
import os
import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.assembly import last_good, unsafe_address
from gateway.cli.leaving import STOPPING
from gateway.cli.logs import configure_logs
from gateway.cli.settings import PREFIX, ProcessSettings
from gateway.cli.worker import REFUSAL, RUN_DIRECTORY
from gateway.config.catalog import Catalog
from gateway.config.compiled import Compiled, Config
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.runtime.lastgood import LastGood

REFUSED: Final = 78  # EX_CONFIG: supervisors know not to start it again
FAILED: Final = 1

_log = logging.getLogger("gateway.serve")


@click.command("serve")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes that serve.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Folder for the last good files.")
@click.option(
    "--resume-last-good", is_flag=True, default=None, help="Start from those when the files cannot be served."
)
@click.option("--trusted-proxies", help="Addresses whose X-Forwarded-For is believed, with commas.")
@click.option("--lame-duck", type=float, help="Seconds of serving on after SIGTERM, while readiness says 503.")
@click.option("--grace", type=float, help="Seconds that requests under way have to end after that.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
def command(**flags: Any) -> None:
    """Serve CONFIG (default: $MEMORY_GATEWAY_CONFIG or gateway.yaml)."""
    settings = ProcessSettings(**{name: value for name, value in flags.items() if value is not None})
    configure_logs(settings.log_level)
    checked(settings)
    listener = listening(settings.host, settings.port)
    with tempfile.TemporaryDirectory(prefix="memory-gateway-") as folder:
        _hand_down(settings, folder)
        started = served(settings, listener)
        refusal = Path(folder, REFUSAL)
        if refusal.exists():
            click.echo(refusal.read_text(), err=True)
            sys.exit(REFUSED)
    if not started:
        sys.exit(FAILED)


def listening(host: str, port: int) -> socket.socket:
    """The address, taken, or an exit that says why not. Nobody is let in before a worker is ready."""
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        click.echo(f"cannot listen on {host} port {port}: {error.strerror}", err=True)
        sys.exit(FAILED)
    taken.set_inheritable(True)
    _log.info("listening", extra={"host": host, "port": taken.getsockname()[1]})
    return taken


def served(settings: ProcessSettings, listener: socket.socket) -> bool:
    """Serves until a signal ends it. Whether it ever started."""
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE

    from gateway.cli.workers import Workers

    serving = uvicorn.Config(
        "gateway.cli.worker:application",
        factory=True,
        interface="asgi3",
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        workers=settings.workers,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=math.ceil(settings.grace),
    )
    if settings.workers > 1:
        workers = Workers(serving, [listener], Path(os.environ[RUN_DIRECTORY], STOPPING))
        workers.run()
        return all(each.exitcode != STARTUP_FAILURE for each in workers.processes)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server raises the signal that stopped it once more when everything is done: there is nothing left to end.
        signal.signal(number, _ended)
    server = uvicorn.Server(serving)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        return False
    return server.started


def checked(settings: ProcessSettings) -> Config:
    """The configuration, or an exit with everything that is wrong with it."""
    compiled: Compiled = compile_config(settings.config, os.environ, Catalog.installed())
    if compiled.diagnostics:
        click.echo(render_text(compiled), err=True)
    if compiled.config is None or not compiled.config.tenants:
        catalog = Catalog.installed()
        kept = last_good(LastGood(settings.state), catalog) if settings.resume_last_good and settings.state else None
        if kept is None or kept.config is None:
            sys.exit(REFUSED)
        return kept.config
    unsafe = unsafe_address(compiled.config, settings.host)
    if unsafe:
        click.echo(unsafe, err=True)
        sys.exit(REFUSED)
    if settings.workers > 1:
        for declared in compiled.config.providers.values():
            if not declared.plugin.capabilities(declared.options).shared:
                _log.warning("each worker has its own copy of this provider", extra={"provider": declared.key})
    return compiled.config


def _hand_down(settings: ProcessSettings, folder: str) -> None:
    """Workers are new processes: they find the settings, and one cursor key for all of them, in the environment."""
    if settings.cursor_key is None:
        os.environ[PREFIX + "CURSOR_KEY"] = secrets.token_urlsafe(32)
    for name, value in settings.model_dump(exclude={"cursor_key"}, exclude_none=True).items():
        os.environ[PREFIX + name.upper()] = str(value)
    os.environ[RUN_DIRECTORY] = folder


def _ended(_number: int, _frame: object) -> None:
    """Asked to stop, and stopped."""
