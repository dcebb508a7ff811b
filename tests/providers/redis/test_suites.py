"""The suites of sessions and checkpoints, clause by clause, on Redis."""

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import pytest

from gateway.config.model import Layer
from gateway.domain.units import Secret
from gateway.providers.redis import Redis
from tests.providers.redis.conftest import Opened
from tests.unit import test_checkpoints_keeping, test_sessions_appending, test_sessions_reading, test_sessions_window
from tests.unit.calling import Clock, Desk


@pytest.fixture
async def desk(opened: Opened) -> AsyncGenerator[Desk]:
    clock = Clock()
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(opened(clock))
        yield Desk(provider, Redis.capabilities(Redis.Options(url=Secret("redis://127.0.0.1"))), clock, Layer(), None)


def of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The clauses of a suite that ask whatever desk they are given."""
    return {
        name: clause
        for name, clause in vars(module).items()
        if name.startswith("test_") and "desk" in inspect.signature(clause).parameters
    }


for suite in (test_checkpoints_keeping, test_sessions_appending, test_sessions_reading, test_sessions_window):
    for name, clause in of(suite).items():
        globals()[f"{name}_in_{suite.__name__.rpartition('.')[2].removeprefix('test_')}"] = clause
