"""One request that was let in, in whatever language it came, and the one way from it into the services.

A phrase is one thing that can be said to the gateway: a method, a path, how it is answered and what its failures look
like. Knows no operation and no language; those who declare phrases do.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from gateway.domain.errors import GatewayError
from gateway.domain.principal import Principal
from gateway.runtime.facts import Facts
from gateway.runtime.snapshot import Snapshot
from gateway.services.call import Operation, perform

JSON: Final = b"application/json"

Header: TypeAlias = Callable[[str], str | None]  # by lower-case name
Face: TypeAlias = Literal["native", "mem0", "agent_memory", "langgraph", "openai", "anthropic", "mcp"]
Wire: TypeAlias = tuple[tuple[bytes, bytes], ...]
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """With a `stream`, that is sent as it comes, and `content` is not. The request's place is held until it ends."""

    status: int = 200
    kind: bytes = JSON
    content: bytes = b""
    headers: Wire = ()
    stream: AsyncGenerator[bytes] | None = None


class Exchange(msgspec.Struct, kw_only=True):
    """`degraded` is the code of the last failure that a route answered as if nothing was found."""

    snapshot: Snapshot
    principal: Principal
    path: Mapping[str, str]
    query: bytes
    body: bytes
    header: Header
    request_id: str
    source: str  # the caller's address
    degraded: str = ""

    def facts(
        self,
        operation: Operation[Any, Any],
        *,
        user: str = "",
        agent: str = "",
        run: str = "",
        route: str = "",
        idempotency_key: str = "",
    ) -> Facts:
        return Facts(
            op=operation.op,
            family=operation.family,
            route=route or self.header("x-memory-route") or "",
            user=user,
            agent=agent,
            run=run,
            header=self.header,
            idempotency_key=idempotency_key,
            source=self.source,
            request_id=self.request_id,
        )

    async def perform(self, operation: Operation[Asked, Answered], facts: Facts, request: Asked) -> Answered:
        reply, degraded = await perform(self.snapshot, self.principal, operation, facts, request)
        self.degraded = degraded or self.degraded
        return reply


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """`path` names its variables in braces; a slash at its end is part of it. `open`: needs no credential, and then its
    principal has no tenant and no roles. `failed` gets an error as it may be shown, and the request's id."""

    name: str
    method: str
    path: str
    answer: Callable[[Exchange], Awaitable[Reply]]
    failed: Callable[[GatewayError, str], Reply]
    face: Face = "native"
    open: bool = False
    bodied: bool = True

    def path_names(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
