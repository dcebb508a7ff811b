"""Hooks as an operator would write them, named by path or found by their marks."""

from typing import Any

import msgspec

from gateway.hooks.python import HookResult, PluginContext, hook

SEEN: list[dict[str, Any]] = []
ORDER: list[str] = []
TRIED: list[str] = []


def see(context: PluginContext) -> None:
    SEEN.append(msgspec.structs.asdict(context))


@hook("on_memory_add")
def first(context: PluginContext) -> None:
    ORDER.append("first")
    context.memory_content = (context.memory_content or "").replace("secret", "[gone]")


@hook("on_memory_add", "append")
async def second(_context: PluginContext) -> HookResult:
    ORDER.append("second")
    return HookResult.proceed()


@hook("on_memory_search")
def turn_around(context: PluginContext) -> None:
    context.memory_results = [each for each in reversed(context.memory_results) if "hidden" not in str(each.content)]


def one(_context: PluginContext) -> None:
    ORDER.append("one")


def two(_context: PluginContext) -> None:
    ORDER.append("two")


def decide(context: PluginContext) -> HookResult | None:
    """What the content, or the query, asks for."""
    wish = context.memory_query or context.memory_content or str(context.target) or ""
    if context.memory_results:
        return None
    if "skip" in wish:
        return HookResult.skip()
    if "forbid" in wish:
        return HookResult.reject("not for you", forbidden=True)
    if "reject" in wish:
        return HookResult.reject("not this")
    if "aside" in wish:
        return HookResult.quarantine("looks odd")
    if "raise" in wish:
        raise RuntimeError(f"about {wish}")
    if "again" in wish and len(TRIED) < 2:
        TRIED.append(wish)
        return HookResult.retry(3)
    if "change" in wish:
        context.memory_content = "changed"
        context.metadata["by"] = "hook"
        return HookResult.modify()
    return None


def check_compliance(message: str) -> list[str]:
    return [word for word in ("health", "weapons") if word in message]


HELD: list[str] = []


def hold(context: PluginContext) -> HookResult:
    """Keeps what belongs to some users from going."""
    user = context.user.id if context.user is not None else ""
    return HookResult.skip() if user in HELD else HookResult.proceed()
