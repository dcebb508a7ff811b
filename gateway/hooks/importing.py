"""Python code that a hook's options name: imported when the hook opens, called off the loop where it is not async.

The configuration's check holds every module against `plugins.allow` before this is ever reached.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from gateway.domain.errors import Misconfigured


async def imported(module: str, name: str = "") -> Any:
    """The module, or a thing in it. Misconfigured where that fails."""
    try:
        found = await asyncio.to_thread(importlib.import_module, module)
        return getattr(found, name) if name else found
    except Exception as error:
        raise Misconfigured(f"{module}:{name} cannot be imported: {error}", code="bad_import") from error


async def called(function: Callable[..., Any], *arguments: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    given = await asyncio.to_thread(function, *arguments)
    return await given if inspect.isawaitable(given) else given
