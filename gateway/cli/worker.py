"""One worker: the application it serves, what it leaves behind when it cannot start, and when its garbage is collected.

Everything it needs stands in the environment that `serve` has made.
"""

import gc
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.assembly import application as serving
from gateway.cli.assembly import now, steering, to_stderr
from gateway.cli.leaving import Leaving
from gateway.cli.logs import configure_logs
from gateway.cli.settings import PREFIX, ProcessSettings
from gateway.config.catalog import Catalog
from gateway.domain.errors import GatewayError
from gateway.embedders.tokens import load_counter
from gateway.faces.http.lines import Lines

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

RUN_DIRECTORY: Final = PREFIX + "RUN_DIRECTORY"  # of all workers of one gateway; gone when it ends
REFUSAL: Final = "refused"  # the file that says why a worker could not start
_FAILED: Final[Any] = {"type": "lifespan.startup.failed", "message": ""}


def application() -> "ASGIApp":
    settings = ProcessSettings()
    configure_logs(settings.log_level)
    folder, alone = Path(os.environ[RUN_DIRECTORY]), settings.workers == 1
    helm = steering(settings, now, Catalog.installed(), load_counter(), None if alone else folder)
    leaving = Leaving(helm.leave, folder, settings.lame_duck, alone=alone)
    return watched(serving(helm, settings, Lines(to_stderr, now)), folder / REFUSAL, leaving.attend)


def watched(app: "ASGIApp", refusal: Path, attend: Callable[[], None]) -> "ASGIApp":
    """The application, whose start either succeeds and is followed by `attend`, or leaves one line in `refusal`."""

    def outer(scope: "Scope", receive: "Receive", send: "Send") -> Awaitable[None]:
        return app(scope, receive, send) if scope["type"] == "http" else life(scope, receive, send)

    async def life(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                attend()
                _settle()
            elif message["type"] == "lifespan.startup.failed":
                return  # comes with a trace; the error itself follows
            await send(message)

        try:
            await app(scope, receive, tell)
        except* GatewayError as errors:
            refusal.write_text(_first(errors).detail)  # noqa: ASYNC240 - nobody is being served
            await send(_FAILED)

    return outer


def _first(errors: BaseExceptionGroup[GatewayError]) -> GatewayError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _settle() -> None:
    """What was made for the start lives until the end: the collector need never look at it again."""
    gc.collect()
    gc.freeze()
