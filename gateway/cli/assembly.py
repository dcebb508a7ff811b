"""Where the parts are put together: the real clock, randomness and streams go in here and nowhere else."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.errors import Misconfigured
from gateway.domain.ids import Clock, Mint
from gateway.embedders.tokens import load_counter
from gateway.faces.http.app import create_app
from gateway.faces.http.endpoints import ENDPOINTS
from gateway.faces.http.lines import Lines
from gateway.retrieval.pools import Pools
from gateway.runtime.build import build
from gateway.runtime.instances import Instances
from gateway.runtime.meters import Meters
from gateway.runtime.running import Running
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import Means

if TYPE_CHECKING:
    from litestar.types import ASGIApp


def now() -> datetime:
    return datetime.now(UTC)


def to_stderr(text: bytes) -> None:
    sys.stderr.buffer.write(text)
    sys.stderr.buffer.flush()


def assemble(
    settings: ProcessSettings,
    clock: Clock = now,
    write_line: Callable[[bytes], object] = to_stderr,
    folder: Path | None = None,
) -> "ASGIApp":
    """The whole server for one process. Opens nothing yet: that is the lifespan's part.

    `folder` is where the workers of one gateway tell each other their figures.
    """
    key = settings.cursor_key.get_secret_value().encode() if settings.cursor_key else os.urandom(32)
    means = Means(
        clock=clock,
        mint=Mint(clock, os.urandom),
        meters=Meters(),
        instances=Instances(),
        pools=Pools(),
        count_tokens=load_counter(),
        cursor_key=key,
    )

    async def first() -> Snapshot:
        compiled = compile_config(settings.config, os.environ, Catalog.installed())
        if compiled.config is None:
            raise Misconfigured("the configuration was changed for the worse while the gateway was starting")
        built = await build(compiled.config, means, generation=1)
        if built.failed and not built.snapshot.tenants:
            await built.snapshot.close()
            raise Misconfigured(next(iter(built.failed.values())))
        return built.snapshot

    running = Running(means, first, folder)
    return create_app(running, Lines(write_line, clock), ENDPOINTS)
