"""Providers for tests: the options as they would stand in YAML, and a place that can be opened again."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0.options import Mem0Options
from tests.servers.openai import mem0_block

Opened: TypeAlias = Callable[[], AbstractAsyncContextManager[Mem0]]


def options(**keys: Any) -> Mem0Options:
    return msgspec.convert(keys, Mem0Options, dec_hook=lambda kind, text: kind(text))


@asynccontextmanager
async def opening(given: Mem0Options, home: Path, clock: Clock, name: str = "main") -> AsyncGenerator[Mem0]:
    provider = Mem0(given, Kit(name=name, clock=clock, home=home))
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        yield provider


def inside(model: str, store: str, home: Path, clock: Clock, **more: Any) -> Opened:
    return lambda: opening(options(config=mem0_block(model, f"{store}/q", "memories"), **more), home, clock)


def hosted(platform: Mapping[str, str], home: Path, clock: Clock, **more: Any) -> Opened:
    """An account of its own for each folder."""
    key = platform["api_key"] + hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return lambda: opening(options(api_key=key, host=platform["url"], **more), home, clock)


def way_of(provider: Mem0) -> Any:
    """What is behind the provider: where the traps are."""
    return provider._way  # pyright: ignore[reportPrivateUsage]
