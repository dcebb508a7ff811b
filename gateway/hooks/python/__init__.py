"""Hooks of your own: one function, or every function of a module that says `@hook("on_memory_add")`, in their order.

A function is given a context that it may change, and gives nothing, a HookResult, or an Outcome. One that is not async
runs in a thread. It cannot harm what it does not change: all that it is given is a copy.
"""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast

import msgspec
from msgspec import Meta

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.domain.hooking import (
    MUTATIONS,
    READS,
    Action,
    HookContext,
    Moment,
    Outcome,
    after,
    before,
    moments_of,
    proceed,
    quarantine,
    reject,
    skip,
)
from gateway.domain.ports import Kit
from gateway.domain.units import ImportPath
from gateway.hooks.importing import called, imported
from gateway.hooks.python.context import PluginContext, changes, own_copy

__all__ = ["Python"]

_MARK: Final = "__memory_gateway_hook__"
_USUAL: Final = before(*MUTATIONS) | after(*READS) | {Moment.ERROR, Moment.RELOAD}
_MOST_RETRIES: Final = 10
Function = TypeVar("Function", bound=Callable[..., Any])


def hook(*events: str) -> Callable[[Function], Function]:
    """Marks a function of a module that a `python` hook names. ValueError for an event that there is not.

    The bare name of an event stands for the side on which something can be changed: before a write, after a read.
    """
    moments = frozenset(each for event in events for each in moments_of(event, _USUAL))
    if unknown := [event for event in events if not moments_of(event, _USUAL)]:
        raise ValueError(f"there is no event {unknown[0]!r}; known: {', '.join(sorted(Moment))}")

    def marked(function: Function) -> Function:
        setattr(function, _MARK, moments)
        return function

    return marked


class HookResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a function may give: changes of its context count with `proceed` and `modify`, which are the same."""

    action: str = "proceed"
    message: str = ""
    max_retries: int = 0
    forbidden: bool = False  # 403 rather than 422

    @classmethod
    def proceed(cls) -> "HookResult":
        return cls()

    @classmethod
    def modify(cls) -> "HookResult":
        return cls(action="modify")

    @classmethod
    def skip(cls, message: str = "") -> "HookResult":
        return cls(action="skip", message=message)

    @classmethod
    def reject(cls, message: str = "", *, forbidden: bool = False) -> "HookResult":
        return cls(action="reject", message=message, forbidden=forbidden)

    @classmethod
    def quarantine(cls, message: str = "") -> "HookResult":
        return cls(action="quarantine", message=message)

    @classmethod
    def retry(cls, max_retries: int = 1) -> "HookResult":
        """Call the function again, so many times at most; then it has failed."""
        return cls(action="retry", max_retries=max_retries)


class PythonOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    function: Annotated[ImportPath, Meta(description="`package.module:function`; see plugins.allow.")] | None = None
    module: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
                description="`package.module`, whose functions marked with @hook are called; see plugins.allow.",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.function is None) == (self.module is None):
            raise ValueError("name either a `function` or a `module`")


class Python:
    type_name: ClassVar[str] = "python"
    Options: ClassVar[type[PythonOptions]] = PythonOptions
    moments: ClassVar[frozenset[Moment]] = frozenset(Moment)
    usual: ClassVar[frozenset[Moment]] = _USUAL

    def __init__(self, options: PythonOptions, kit: Kit) -> None:
        self._options = options
        self._functions: list[tuple[frozenset[Moment], Callable[..., Any]]] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """Misconfigured where nothing can be imported, or nothing of it is a hook."""
        if self._options.function is not None:
            path = self._options.function
            function = await imported(path.module, path.name)
            self._functions = [(getattr(function, _MARK, self.moments), function)]
        else:
            self._functions = list(_marked(await imported(self._options.module or "")))
        if not self._functions or not all(callable(each) for _, each in self._functions):
            raise Misconfigured("nothing there is a hook: mark functions with @hook(event)", code="bad_import")

    async def run(self, context: HookContext) -> Outcome:
        outcome, own = proceed(), own_copy(context)
        for moments, function in self._functions:
            if context.moment not in moments:
                continue
            outcome = await _asked(function, context, own)
            if outcome.action is not Action.PROCEED:
                return outcome
        return outcome


def _marked(module: Any) -> Iterator[tuple[frozenset[Moment], Callable[..., Any]]]:
    """The hooks that a module defines itself, in their order."""
    for each in cast("dict[str, Any]", vars(module)).values():
        if hasattr(each, _MARK) and each.__module__ == module.__name__:
            yield getattr(each, _MARK), each


async def _asked(function: Callable[..., Any], context: HookContext, own: PluginContext) -> Outcome:
    retries = 0
    while True:
        given = await called(function, own)
        if isinstance(given, Outcome):
            return given
        action = str(getattr(getattr(given, "action", "proceed"), "value", getattr(given, "action", "proceed")))
        message = str(getattr(given, "message", "") or "") or "a hook has refused this"
        match action:
            case "proceed" | "modify":
                return changes(context, own)
            case "skip":
                return skip(message)
            case "reject":
                return reject(message, forbidden=bool(getattr(given, "forbidden", False)))
            case "quarantine":
                return quarantine(message)
            case "retry" if retries < min(int(getattr(given, "max_retries", 1)), _MOST_RETRIES):
                retries += 1
            case "retry":
                raise Unavailable("a hook has tried too often", code="hook_failed", headers={"Retry-After": "1"})
            case _:
                raise TypeError("a hook gives None, a HookResult or an Outcome")
