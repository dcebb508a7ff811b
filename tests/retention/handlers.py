"""Functions that a configuration names: what they were given is kept, and they can be told to fail."""

from typing import Any

GIVEN: list[list[str]] = []
FAILING: list[bool] = []


async def handle(_context: Any, messages: list[Any]) -> None:
    if FAILING:
        raise ValueError("secret words that no log may show")
    GIVEN.append([message.content for message in messages])


def shout(context: Any, messages: list[Any]) -> str:
    return " / ".join(
        [*([context.before] if context.before else []), *(message.content.upper() for message in messages)]
    )
