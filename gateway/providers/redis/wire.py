"""The connection: commands, many of them at once, and scripts. One server or a cluster.

Nothing is ever sent twice: a command that timed out may have been carried out. A script that the server does not know
was not, so that one is sent again with its text. Knows no records.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import Any, Final, TypeAlias

from gateway.domain.errors import Unavailable
from gateway.providers.redis.faults import worded
from gateway.providers.redis.options import RedisOptions

Argument: TypeAlias = str | bytes | int

_PARTS: Final = {
    "put": ("shelf", "owners", "put"),
    "delete": ("shelf", "owners", "delete"),
    "claim": ("owners", "claim"),
    "release": ("owners", "release"),
    "forget": ("owners", "forget"),
}
_CHUNK: Final = 200  # commands in one write


class Wire:
    """Before `open`, and after the stack has closed, everything is Unavailable."""

    def __init__(self, options: RedisOptions, name: str) -> None:
        self._options = options
        self._name = name
        self._client: Any = None
        self._scripts: dict[str, tuple[str, str]] = {}
        self._turns = asyncio.Semaphore(options.max_connections)

    @property
    def cluster(self) -> bool:
        return self._options.cluster

    async def open(self, stack: AsyncExitStack) -> None:
        self._scripts = await asyncio.to_thread(_scripts)
        with worded(self._name):
            self._client = await self._connected()
        stack.push_async_callback(self._close)
        await self.ask("PING")

    async def ask(self, *command: Argument) -> Any:
        """One command's answer."""
        client = self._opened()
        with worded(self._name):
            async with self._turn():
                return await client.execute_command(*command)

    async def ask_all(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers in order. Not one step: others' commands may come in between."""
        if len(commands) == 1:
            return [await self.ask(*commands[0])]
        answers: list[Any] = []
        if self.cluster:
            answers += await asyncio.gather(*(self.ask(*each) for each in commands), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            return answers
        for start in range(0, len(commands), _CHUNK):
            pipeline = self._opened().pipeline(transaction=False)
            for command in commands[start : start + _CHUNK]:
                pipeline.execute_command(*command)
            with worded(self._name):
                answers += await pipeline.execute()
        return answers

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """A script, in one step. Its keys live in one slot."""
        from redis.exceptions import NoScriptError

        client = self._opened()
        text, digest = self._scripts[script]
        rest = (len(keys), *keys, *arguments)
        with worded(self._name):
            async with self._turn():
                try:
                    return await client.execute_command("EVALSHA", digest, *rest)
                except NoScriptError:
                    return await client.execute_command("EVAL", text, *rest)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """A cluster's client fails where it has no connection left, so callers wait for one here, as a pool lets them."""
        if not self.cluster:
            yield
            return
        async with asyncio.timeout(self._options.timeout.seconds):
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    def _opened(self) -> Any:
        if self._client is None:
            raise Unavailable(f"{self._name} is not open", code="closed")
        return self._client

    async def _connected(self) -> Any:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.cluster import RedisCluster
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        options, url = self._options, self._options.url.reveal()
        common: dict[str, Any] = {
            "socket_timeout": options.timeout.seconds,
            "socket_connect_timeout": options.connect_timeout.seconds,
            "max_connections": options.max_connections,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        if options.cluster:
            cluster: Any = RedisCluster.from_url(url, **common)
            try:
                await cluster.initialize()
            except BaseException:
                await cluster.aclose()
                raise
            return cluster
        pools: Any = BlockingConnectionPool  # its constructors take what they pass on untyped
        return Redis.from_pool(pools.from_url(url, timeout=options.timeout.seconds, **common))

    async def _close(self) -> None:
        client, self._client = self._opened(), None
        await client.aclose()


def _scripts() -> dict[str, tuple[str, str]]:
    """Each script's text and its SHA-1, which is the name that the server gives it."""
    folder = files("gateway.providers.redis")
    found: dict[str, tuple[str, str]] = {}
    for name, parts in _PARTS.items():
        text = "\n".join(folder.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in parts)
        found[name] = (text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
    return found
