"""The keys of a `redis` provider, and what they must not be together. Knows no driver."""

from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta, field

from gateway.domain.units import Duration, Secret

_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_IN_URL: Final = "db", "ssl_"


class RedisOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[
        Secret,
        Meta(description="`redis://[user:password@]host:port/db`, `rediss://` for TLS, `unix://` for a socket."),
    ]
    prefix: Annotated[
        str, Meta(max_length=100, description="Begins every key. Two prefixes never see each other's records.")
    ] = "memory:"
    ttl_seconds: (
        Annotated[float, Meta(gt=0, description="Records end so long after they were written, sessions after their last message.")]
        | None
    ) = None  # fmt: skip
    ttl_hours: Annotated[float, Meta(gt=0, description="The same in hours.")] | None = None
    max_messages: (
        Annotated[int, Meta(ge=1, description="How many messages a session keeps; older ones go with the append.")]
        | None
    ) = None
    timeout: Annotated[Duration, Meta(description="How long a command may take, or wait for a connection.")] = field(
        default_factory=lambda: Duration("5s")
    )
    connect_timeout: Annotated[Duration, Meta(description="How long connecting may take.")] = field(
        default_factory=lambda: Duration("2s")
    )
    max_connections: Annotated[int, Meta(ge=1, le=10_000, description="Per worker; in a cluster, per node.")] = 16
    cluster: Annotated[bool, Meta(description="The server is one node of a Redis Cluster.")] = False

    def __post_init__(self) -> None:
        url = self.url.reveal()
        _check_url(url)
        if self.ttl_seconds is not None and self.ttl_hours is not None:
            raise ValueError("`ttl_seconds` and `ttl_hours` say the same thing: keep one of them")
        if self.cluster and url.startswith("unix://"):
            raise ValueError("`cluster: true` needs a host and a port; a unix:// socket leads to one server")
        if "{" in self.prefix or "}" in self.prefix:
            raise ValueError("`prefix` must not hold { or }: they say which keys a cluster keeps together")
        if self.timeout.seconds <= 0 or self.connect_timeout.seconds <= 0:
            raise ValueError("`timeout` and `connect_timeout` must be longer than nothing")

    @property
    def ttl(self) -> float | None:
        """In seconds; None for no end."""
        return self.ttl_hours * 3600 if self.ttl_hours is not None else self.ttl_seconds


def _check_url(url: str) -> None:
    """Never says what the address is: it may hold a password."""
    if not url.startswith(_SCHEMES):
        raise ValueError("`url` must start with redis://, rediss:// or unix://")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("`url` has a port that is no number from 0 to 65535") from None
    for key in parse_qs(parts.query):
        if not key.startswith(_IN_URL):
            raise ValueError(f"`url` must not set {key!r}: beside `db` and `ssl_...`, options have keys of their own")
