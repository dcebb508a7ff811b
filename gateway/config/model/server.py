"""The server as a whole: what it takes, how it reloads, who steers it, what it does in the background."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.config.model.words import Keys, Labels
from gateway.domain.units import Duration, Secret, Size


class Server(Keys, frozen=True, kw_only=True):
    max_body: Size = field(default_factory=lambda: Size("10MiB"))
    max_concurrent: Annotated[
        int, Meta(ge=1, le=100_000, description="Requests served at once, by each worker; a tenant has 3/4 at most.")
    ] = 512
    max_waiting: Annotated[
        int,
        Meta(ge=0, le=100_000, description="Requests that wait for one of those to end; half at most for one tenant."),
    ] = 512
    max_wait: Annotated[Duration, Meta(description="How long a request waits for its turn before it is refused.")] = (
        field(default_factory=lambda: Duration("2s"))
    )
    failed_auth: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Refused credentials from one address a minute, by each worker; beyond: 429.",
        ),
    ] = 120
    metrics: Annotated[
        Literal["loopback", "public"],
        Meta(description="Who may read /metrics without the role `operator`."),
    ] = "loopback"
    cursor_key: (
        Annotated[Secret, Meta(description="Seals page cursors; give all gateways of a fleet the same.")] | None
    ) = None


class Reload(Keys, frozen=True, kw_only=True):
    """How changes of the files become the configuration that is served."""

    watch: Annotated[bool, Meta(description="Follow changes of the files as they happen.")] = True
    debounce: Annotated[Duration, Meta(description="How long files must be quiet first.")] = field(
        default_factory=lambda: Duration("300ms")
    )
    poll: Annotated[Duration, Meta(description="Contents are compared this often, whatever was noticed.")] = field(
        default_factory=lambda: Duration("30s")
    )
    drain: Annotated[Duration, Meta(description="How long requests of the old configuration may take to end.")] = field(
        default_factory=lambda: Duration("30s")
    )
    history: Annotated[int, Meta(ge=1, le=100, description="How many generations can be rolled back to.")] = 10
    max_removed_tenants: Annotated[
        int, Meta(ge=0, description="A change that takes away more tenants at once is refused.")
    ] = 5


class AdminKey(Keys, frozen=True, kw_only=True):
    hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$", description="As `memory-gateway keys new` prints it.")]
    id: Annotated[str, Meta(description="Public name, for logs.", pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    labels: Labels = {}


class Admin(Keys, frozen=True, kw_only=True):
    """Who may see and steer the gateway as a whole, below /admin."""

    loopback: Annotated[
        bool, Meta(description="Whether callers on this machine need no key. Requests through a proxy always do.")
    ] = True
    chaos: Annotated[
        bool, Meta(description="Whether faults may be put before a provider on purpose, by `memory-gateway chaos`.")
    ] = False
    api_keys: tuple[AdminKey, ...] = ()


class Jobs(Keys, frozen=True, kw_only=True):
    """What is done in the background, such as bringing mirrors up to date. A change takes effect at the next start."""

    store: Annotated[str, Meta(min_length=1, description="SQLite file that keeps what is still to do.")] = (
        "data/jobs.db"
    )
    url: (
        Annotated[Secret, Meta(description="PostgreSQL in its place; gateways with the same one share the work.")]
        | None
    ) = None
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Jobs that one worker runs at once.")] = 8
    attempts: Annotated[
        int, Meta(ge=1, le=10_000, description="How often a job may fail until an operator must look; 100 take a day.")
    ] = 100
    horizon: Annotated[Duration, Meta(description="How long deletions are remembered for what comes late.")] = field(
        default_factory=lambda: Duration("30d")
    )
