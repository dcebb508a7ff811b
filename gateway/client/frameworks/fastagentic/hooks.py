"""Calling the hooks on_memory_add and on_memory_search: FastAgentic registers them, and calls none of them itself.

Those of the decorator come first, then those given; each sees what the one before it made of the matter.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, cast

from fastagentic.context import UserInfo
from fastagentic.hooks.base import Hook, HookContext, HookResult, HookResultAction, get_registered_hooks

Event = Literal["on_memory_add", "on_memory_search"]
Called = Callable[[HookContext], Awaitable[HookResult | None]]

ENDPOINT: Final = "memory"


class MemoryRejected(Exception):
    """A hook has refused; the text is its message."""


class Skipped(Exception):
    """A hook wants nothing to happen."""


async def before_add(hooks: Sequence[Hook], user_id: str, content: str) -> str:
    """The text as hooks leave it; Skipped or MemoryRejected where one will not have it."""
    context = HookContext(run_id="", endpoint=ENDPOINT, user=UserInfo(id=user_id), memory_content=content)
    for each in _called("on_memory_add", hooks):
        result = await _asked(each, context)
        if result is not None and isinstance(result.data, str):
            context.memory_content = result.data
    return context.memory_content or ""


async def after_search(
    hooks: Sequence[Hook], user_id: str, query: str, results: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What was found as hooks leave it; nothing where one skips."""
    context = HookContext(
        run_id="", endpoint=ENDPOINT, user=UserInfo(id=user_id), memory_query=query, memory_results=results
    )
    for each in _called("on_memory_search", hooks):
        result = await _asked(each, context)
        data: Any = None if result is None else result.data
        if isinstance(data, list):
            context.memory_results = cast("list[dict[str, Any]]", data)
    return context.memory_results


def _called(event: Event, hooks: Sequence[Hook]) -> list[Called]:
    return [*get_registered_hooks(event), *(getattr(each, event) for each in hooks)]


async def _asked(called: Called, context: HookContext) -> HookResult | None:
    """The result with data where it modifies. A hook that wants a retry is asked again, as often as it says."""
    tries = 0
    while True:
        result = await called(context)
        if result is None:
            return None
        match result.action:
            case HookResultAction.SKIP:
                raise Skipped(result.message or "")
            case HookResultAction.REJECT:
                raise MemoryRejected(result.message or "a hook has rejected it")
            case HookResultAction.RETRY if tries < result.max_retries:
                tries += 1
            case HookResultAction.MODIFY:
                return result
            case _:
                return None
