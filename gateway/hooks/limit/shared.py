"""The same counts in a Redis or Valkey: every worker and machine that names it takes from one share, in one step.

Nothing is sent twice: a command that was not answered may have been carried out.
"""

import asyncio
from contextlib import AsyncExitStack
from importlib.resources import files
from typing import Any, Final, cast

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.hooks.limit.counting import Asked, Refused, Rules, refusal

_SECONDS: Final = 2.0
_CONNECTIONS: Final = 16


class Shared:
    def __init__(self, url: str, prefix: str, name: str) -> None:
        self._url = url
        self._prefix = prefix
        self._name = name
        self._client: Any = None
        self._script: Any = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Connects with the first question, so that a Redis that is away keeps no gateway from starting."""
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise Misconfigured(
                "`url` of a limit needs the package redis: install memory-gateway[redis]", code="missing_package"
            ) from None
        text = await asyncio.to_thread((files("gateway.hooks.limit") / "take.lua").read_text)
        pools = cast("Any", BlockingConnectionPool)  # comes with types that say little
        pool = pools.from_url(
            self._url, max_connections=_CONNECTIONS, timeout=_SECONDS, socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._client = Redis.from_pool(pool)
        self._script = self._client.register_script(text)
        stack.push_async_callback(self._client.aclose)

    async def take(self, subject: str, rules: Rules, asked: Asked) -> Refused | None:
        from redis.exceptions import RedisError

        arguments = [rules.rate, rules.burst, rules.records, rules.bytes, asked.records, asked.bytes]
        try:
            taken, *left = await self._script(keys=[self._prefix + subject], args=arguments)
        except (RedisError, OSError) as error:
            raise Unavailable(
                f"the limit {self._name!r} cannot be counted now ({type(error).__name__})",
                code="hook_failed",
                headers={"Retry-After": "1"},
            ) from None
        if taken:
            return None
        tokens, records, size, to_midnight = (float(each) for each in left)
        return refusal(rules, asked, tokens, int(records), int(size), to_midnight)
