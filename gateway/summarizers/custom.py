"""An operator's own function: `function(context, messages)`, plain or async. It gives the summary, or handles overflow.

The function is somebody else's code: it gets copies and runs off the loop where it is not async. What it raises, or
what is no text, is told as its failure without its words; then nothing is removed.
"""

import asyncio
import copy
import importlib
import inspect
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, field

from gateway.domain.errors import GatewayError, Misconfigured, Unavailable
from gateway.domain.ports import Kit
from gateway.domain.units import Duration, ImportPath
from gateway.summarizers.talk import Line, Talk

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Custom"]


class CustomOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    function: Annotated[ImportPath, Meta(description="The function, as package.module:name.")]
    options: Annotated[dict[str, Any], Meta(description="Handed to the function in its context.")] = {}
    timeout: Annotated[Duration, Meta(description="Of one call.")] = field(default_factory=lambda: Duration("60s"))


class SummaryContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the function is told beside the messages."""

    before: str
    options: dict[str, Any]


class Custom:
    """Nothing (None) stands for no text: enough where the function only looks after what overflows."""

    type_name: ClassVar[str] = "custom"
    Options: ClassVar[type[CustomOptions]] = CustomOptions

    def __init__(self, options: CustomOptions, kit: Kit) -> None:
        self._options = options
        self._name = kit.name
        self._function: Callable[[SummaryContext, list[Line]], Any] | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Import the function; Misconfigured where that fails."""
        path = self._options.function
        try:
            module = await asyncio.to_thread(importlib.import_module, path.module)
            found: Any = getattr(module, path.name)
        except Exception as error:
            raise Misconfigured(f"{path!r} cannot be imported: {error}", code="bad_summarizer") from error
        if not callable(found):
            raise Misconfigured(f"{path!r} cannot be called", code="bad_summarizer")
        self._function = found

    async def summarize(self, talk: Talk) -> str:
        if self._function is None:
            raise RuntimeError("not opened")
        context = SummaryContext(before=talk.before, options=copy.deepcopy(self._options.options))
        lines = copy.deepcopy(list(talk.lines))
        try:
            async with asyncio.timeout(self._options.timeout.seconds):
                made = await self._called(context, lines)
        except GatewayError:
            raise
        except TimeoutError:
            raise self._failed("did not end in time") from None
        except Exception as error:
            raise self._failed(f"failed with {type(error).__name__}") from error
        if made is not None and not isinstance(made, str):
            raise self._failed("gave no text")
        return made or ""

    async def _called(self, context: SummaryContext, lines: list[Line]) -> Any:
        function = self._function
        if inspect.iscoroutinefunction(function):
            return await function(context, lines)
        assert function is not None  # noqa: S101 -- asked by the caller
        made = await asyncio.to_thread(function, context, lines)
        return await made if inspect.isawaitable(made) else made

    def _failed(self, how: str) -> Unavailable:
        return Unavailable(f"the summarizer {self._name!r} {how}", code="summarizer_unavailable")
