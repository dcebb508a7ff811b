"""`memory-gateway serve`: check the configuration, then serve it. Exits 78 when it cannot be served."""

import logging
import os
import secrets
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.settings import PREFIX, ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiled import Compiled, Config
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.domain.errors import Misconfigured

if TYPE_CHECKING:
    from litestar.types import ASGIApp

REFUSED: Final = 78  # EX_CONFIG: supervisors know not to start it again

_log = logging.getLogger("gateway.serve")


@click.command("serve")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes that serve.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
def command(**flags: Any) -> None:
    """Serve CONFIG (default: $MEMORY_GATEWAY_CONFIG or gateway.yaml)."""
    import uvicorn

    settings = ProcessSettings(**{name: value for name, value in flags.items() if value is not None})
    configure_logs(settings.log_level)
    config = checked(settings)
    _hand_down(settings)
    try:
        uvicorn.run(
            "gateway.cli.serve:application",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=20,
        )
    except Misconfigured as error:
        click.echo(error.detail, err=True)
        sys.exit(REFUSED)
    del config


def checked(settings: ProcessSettings) -> Config:
    """The configuration, or an exit with everything that is wrong with it."""
    compiled: Compiled = compile_config(settings.config, os.environ, Catalog.installed())
    if compiled.diagnostics:
        click.echo(render_text(compiled), err=True)
    if compiled.config is None or not compiled.config.tenants:
        sys.exit(REFUSED)
    unsafe = unsafe_address(compiled.config, settings.host)
    if unsafe:
        click.echo(unsafe, err=True)
        sys.exit(REFUSED)
    if settings.workers > 1:
        for declared in compiled.config.providers.values():
            if not declared.plugin.capabilities(declared.options).shared:
                _log.warning("each worker has its own copy of this provider", extra={"provider": declared.key})
    return compiled.config


def unsafe_address(config: Config, host: str) -> str | None:
    """Why this configuration must not listen here, if so: a tenant without credentials is for loopback only."""
    opened = [tenant.name for tenant in config.tenants.values() if tenant.auth.mode == "open"]
    if not opened or _is_loopback(host):
        return None
    return (
        f"tenant {opened[0]!r} is open (auth.mode: open) and {host} can be reached from outside; "
        "give it api_keys (memory-gateway keys new), or listen on 127.0.0.1"
    )


def application() -> "ASGIApp":
    """The application of one worker, with everything read from the environment that `serve` has set."""
    from gateway.cli.assembly import assemble

    settings = ProcessSettings()
    configure_logs(settings.log_level)
    return assemble(settings)


def _hand_down(settings: ProcessSettings) -> None:
    """Workers are new processes: they find the settings, and one cursor key for all of them, in the environment."""
    if settings.cursor_key is None:
        os.environ[PREFIX + "CURSOR_KEY"] = secrets.token_urlsafe(32)
    for name, value in settings.model_dump(exclude={"cursor_key"}).items():
        os.environ[PREFIX + name.upper()] = str(value)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _JsonLines(logging.Formatter):
    """One JSON object a line, with what the caller added as `extra`."""

    _own: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        line: dict[str, Any] = {
            "event": record.name,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        }
        line |= {name: value for name, value in vars(record).items() if name not in self._own}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure_logs(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
