"""Zep providers for tests, and Zep's own client to look at what they left there."""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from zep_cloud import Episode, User
from zep_cloud.client import AsyncZep

from gateway.domain.ports import Kit
from gateway.providers.zep import Zep
from gateway.testing.making import Time
from tests.servers import zep

Server = Mapping[str, str]


def built(server: Server, prefix: str, clock: Time, **others: Any) -> Zep:
    written = zep.options(server, prefix) | others
    options = msgspec.convert(written, Zep.Options, dec_hook=lambda kind, text: kind(text))
    return Zep(options, Kit(name="main", clock=clock, home=Path("nowhere")))


@asynccontextmanager
async def opened(server: Server, prefix: str, clock: Time, **others: Any) -> AsyncGenerator[Zep]:
    async with AsyncExitStack() as stack:
        provider = built(server, prefix, clock, **others)
        await provider.open(stack)
        yield provider


def named(text: str) -> str:
    """A prefix that no other test has."""
    return "t" + hashlib.sha256(text.encode()).hexdigest()[:12]


class Seen:
    """What is in Zep, without the gateway."""

    def __init__(self, server: Server, prefix: str) -> None:
        options = zep.options(server, prefix)
        self.zep = AsyncZep(api_key=options["api_key"], base_url=options["base_url"], max_retries=0)
        self._prefix = prefix

    async def users(self) -> list[User]:
        return [user async for user in await self.zep.user.list(search=f"{self._prefix}-")]

    async def episodes(self) -> list[Episode]:
        found: list[Episode] = []
        for user in await self.users():
            found += [each async for each in await self.zep.graph.episode.list(user.uuid_ or "", order="asc")]
        return found

    async def threads(self) -> set[str]:
        return {each.thread_uuid for each in await self.episodes() if each.thread_uuid}
