"""Where the parts are put together: the real clock, randomness and streams go in here and nowhere else."""

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiled import Compiled, Config
from gateway.config.compiler import compile_config, recompile
from gateway.config.memory import Memory
from gateway.domain.errors import Misconfigured
from gateway.domain.ids import Clock, Mint
from gateway.faces.http.app import create_app
from gateway.faces.http.endpoints import ENDPOINTS
from gateway.faces.http.lines import Lines
from gateway.faces.phrases import PHRASES
from gateway.jobs.erasure.course import Places, Rules
from gateway.jobs.erasure.erasing import Erasing
from gateway.jobs.jobs import Jobs
from gateway.jobs.untold import Telling
from gateway.retrieval.pools import Pools
from gateway.runtime.background import Together
from gateway.runtime.crew import Crew
from gateway.runtime.disk import Disk
from gateway.runtime.fences import Known
from gateway.runtime.helm import Helm
from gateway.runtime.instances import Instances
from gateway.runtime.lastgood import LastGood
from gateway.runtime.meters import Meters
from gateway.runtime.reloading import Reloader
from gateway.runtime.rings import Rings
from gateway.runtime.running import Running
from gateway.runtime.tenancy import Means
from gateway.services.retention.scheduling import Sweeps
from gateway.services.retention.tidying import Tidying

if TYPE_CHECKING:
    from litestar.types import ASGIApp

_log: Final = logging.getLogger("gateway.serve")


def now() -> datetime:
    return datetime.now(UTC)


def to_stderr(text: bytes) -> None:
    sys.stderr.buffer.write(text)
    sys.stderr.buffer.flush()


def steering(
    settings: ProcessSettings,
    clock: Clock,
    catalog: Catalog,
    count_tokens: Callable[[str], int],
    folder: Path | None = None,
) -> Helm:
    """Everything below the faces, not started. `folder` is where the workers of one gateway tell each other how they are."""
    meters = Meters()
    key = settings.cursor_key.get_secret_value().encode() if settings.cursor_key else os.urandom(32)
    instances = Instances(lambda _: meters.fault("", "", "close_failed"))
    fences, mint = Known(), Mint(clock, os.urandom)
    jobs = Jobs(clock, instances, lambda: running.snapshot, fences)
    tidying = Tidying(lambda: running.snapshot)
    sweeps = Sweeps(lambda: running.snapshot, clock)
    pools = Pools()
    places = Places(instances=instances, serving=lambda: running.snapshot, fences=fences, pools=pools)
    erasing = Erasing(clock, mint.now, os.urandom, places, Rules(alone=settings.workers == 1))
    means = Means(
        clock=clock,
        mint=mint,
        meters=meters,
        instances=instances,
        pools=pools,
        count_tokens=count_tokens,
        cursor_key=key,
        outbox=jobs,
        fences=fences,
        erasures=erasing,
        overflowing=tidying.look,
        rings=Rings(clock, os.urandom, pools),
    )
    good, memory = LastGood(settings.state) if settings.state is not None else None, Memory()

    def read(_before: Compiled | None) -> Compiled:
        nonlocal memory  # readings come one at a time
        compiled, memory = recompile(settings.config, os.environ, catalog, memory)
        return compiled

    def keep(compiled: Compiled) -> None:
        if good is not None:
            good.keep(compiled)

    running = Running(means, folder)
    background = Together([jobs, Telling(instances, clock), erasing])
    reloader = Reloader(running, Disk(read), lambda config: unsafe_address(config, settings.host), keep, background)
    return Helm(running, reloader, Crew(folder), background, [tidying.run, sweeps.run])


def application(helm: Helm, settings: ProcessSettings, lines: Lines) -> "ASGIApp":
    async def start() -> None:
        try:
            await helm.start()
        except Misconfigured:
            good = LastGood(settings.state) if settings.state is not None and settings.resume_last_good else None
            kept = last_good(good, Catalog.installed())
            if kept is None:
                raise
            _log.error("the files cannot be served; the last good configuration is", extra={"digest": kept.digest})
            await helm.start(kept)

    return create_app(helm, start, lines, ENDPOINTS, PHRASES)


def last_good(good: LastGood | None, catalog: Catalog) -> Compiled | None:
    """What was kept, compiled as if it still lay where it did; None where there is nothing that can be served."""
    found = good.found() if good is not None else None
    if found is None:
        return None
    file, home = found
    compiled = compile_config(file, os.environ, catalog, home)
    return None if compiled.config is None else compiled


def unsafe_address(config: Config, host: str) -> str | None:
    """Why this configuration must not be served here, if so: a tenant without credentials is for loopback only."""
    opened = [tenant.name for tenant in config.tenants.values() if tenant.auth.mode == "open"]
    if not opened or _is_loopback(host):
        return None
    return (
        f"tenant {opened[0]!r} is open (auth.mode: open) and {host} can be reached from outside; "
        "give it api_keys (memory-gateway keys new), or listen on 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
