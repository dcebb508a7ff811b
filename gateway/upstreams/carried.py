"""A request to an upstream and its reply, as bytes: what both kinds of upstream have in common."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Protocol

import msgspec
from msgspec import Meta, field

from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.units import Duration, Secret

if TYPE_CHECKING:
    import httpx

# What a client may say to the model's server, and the server to it. Credentials are never among them.
SENT: Final = ("accept", "anthropic-version", "anthropic-beta", "openai-beta", "openai-organization", "openai-project")
TOLD: Final = ("content-type", "content-length", "content-encoding", "retry-after", "request-id")
TOLD_BEFORE: Final = ("x-ratelimit-", "anthropic-", "openai-", "retry-")


class UpstreamOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern=r"^https?://", description="Up to and with `/v1`.")]
    key: Annotated[Secret, Meta(description="Its API key; clients send the gateway's own.")] | None = None
    timeout: Annotated[Duration, Meta(description="How long it may be silent.")] = field(
        default_factory=lambda: Duration("10m")
    )
    connect_timeout: Duration = field(default_factory=lambda: Duration("5s"))
    connections: Annotated[int, Meta(ge=1, le=10_000, description="At once.")] = 256
    headers: Annotated[dict[str, str], Meta(description="Sent with every request; nothing secret.")] = {}


class Upstream(Protocol):
    """A server of a language model. Raises Unavailable or DeadlineExceeded where there is no reply; any reply is one."""

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]

    async def open(self, stack: AsyncExitStack) -> None: ...

    async def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> "Carried":
        """The reply has begun; it lasts as long as the stack."""
        ...


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]  # as they come, byte for byte


class Line:
    """The connections to one server, and how a request is put on one. Sent once: nobody knows what a second would cost."""

    def __init__(self, options: UpstreamOptions, name: str, own: Mapping[str, str]) -> None:
        self._options = options
        self._name = name
        self._own = {**options.headers, **own}
        self._http: httpx.AsyncClient | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Makes no call: a server that is down delays no start."""
        import httpx

        options = self._options
        self._http = await stack.enter_async_context(
            httpx.AsyncClient(
                timeout=httpx.Timeout(options.timeout.seconds, connect=options.connect_timeout.seconds),
                limits=httpx.Limits(max_connections=options.connections, keepalive_expiry=3.0),
                follow_redirects=False,  # the key would go along
                trust_env=False,
            )
        )

    async def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> Carried:
        import httpx

        http = self._http
        if http is None:
            raise Unavailable(f"{self._name} is not open", code="upstream_unavailable")
        passed = {name: headers[name] for name in SENT if name in headers}
        if body:
            passed["content-type"] = "application/json"
        # Uncompressed, so that each piece of a stream is readable when it comes.
        told = {**passed, **self._own, "accept-encoding": "identity"}
        request = http.build_request(
            method, f"{self._options.url.rstrip('/')}{path}", content=body or None, headers=told
        )
        try:
            reply = await http.send(request, stream=True)
        except httpx.TimeoutException:
            raise DeadlineExceeded(f"{self._name} did not answer in time", code="upstream_late") from None
        except httpx.TransportError:
            raise Unavailable(f"{self._name} cannot be reached", code="upstream_unavailable") from None
        stack.push_async_callback(reply.aclose)
        return Carried(status=reply.status_code, headers=_told(reply.headers), chunks=self._chunks(reply))

    async def _chunks(self, reply: "httpx.Response") -> AsyncIterator[bytes]:
        import httpx

        try:
            async for chunk in reply.aiter_raw():
                yield chunk
        except httpx.TransportError:
            raise Unavailable(f"{self._name} broke off its reply", code="upstream_broke_off") from None


def _told(headers: "httpx.Headers") -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in TOLD or name.startswith(TOLD_BEFORE)}
