"""One worker: the application it serves, what it leaves behind when it cannot start, and when its garbage is collected.

Everything it needs stands in the environment that `serve` has made.
"""

import gc
import os
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.assembly import assemble
from gateway.cli.logs import configure_logs
from gateway.cli.settings import PREFIX, ProcessSettings
from gateway.domain.errors import GatewayError

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

RUN_DIRECTORY: Final = PREFIX + "RUN_DIRECTORY"  # of all workers of one gateway; gone when it ends
REFUSAL: Final = "refused"  # the file that says why a worker could not start
_FAILED: Final[Any] = {"type": "lifespan.startup.failed", "message": ""}


def application() -> "ASGIApp":
    settings = ProcessSettings()
    configure_logs(settings.log_level)
    folder = Path(os.environ[RUN_DIRECTORY])
    return watched(assemble(settings, folder=folder if settings.workers > 1 else None), folder / REFUSAL)


def watched(app: "ASGIApp", refusal: Path) -> "ASGIApp":
    """The application, whose start either succeeds or leaves one line in `refusal`."""

    def outer(scope: "Scope", receive: "Receive", send: "Send") -> Awaitable[None]:
        return app(scope, receive, send) if scope["type"] == "http" else life(scope, receive, send)

    async def life(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
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
