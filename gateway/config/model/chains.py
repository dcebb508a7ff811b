"""How providers work together, and what stands before each."""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, field

from gateway.chain.guarded import Rules
from gateway.config.model.words import Keys, Name
from gateway.domain.units import Duration


class Guarding(Keys, frozen=True, kw_only=True):
    """What stands before a backend, for all routes that use it together."""

    timeout: Annotated[Duration, Meta(description="For one call.")] = field(default_factory=lambda: Duration("10s"))
    max_concurrent: Annotated[int, Meta(ge=1, le=10_000, description="Calls at once.")] = 128
    max_waiting: Annotated[int, Meta(ge=0, le=100_000, description="Calls that wait for one of those to end.")] = 256
    failures: Annotated[int, Meta(ge=1, description="In a row, until the backend is left alone.")] = 5
    open_for: Annotated[Duration, Meta(description="How long at first; twice as long each time it is still away.")] = (
        field(default_factory=lambda: Duration("1s"))
    )
    max_open_for: Duration = field(default_factory=lambda: Duration("30s"))
    retry: Annotated[bool, Meta(description="Whether a read that failed is tried once more.")] = True

    def rules(self) -> Rules:
        return Rules(
            timeout=self.timeout.seconds,
            max_concurrent=self.max_concurrent,
            max_waiting=self.max_waiting,
            failures=self.failures,
            open_seconds=self.open_for.seconds,
            max_open_seconds=self.max_open_for.seconds,
            retry=self.retry,
        )


StepRole: TypeAlias = Literal["primary", "failover", "mirror", "shadow", "cache", "reader"]


class Step(Keys, frozen=True, kw_only=True):
    """One provider's part in a chain.

    primary: holds the records. failover: takes over while those before it are away. mirror: gets every change.
    shadow: is compared with, and never answers. cache: answers look-ups of what was read lately. reader: is read as well.
    """

    provider: Name
    role: StepRole = "primary"
    timeout: Annotated[
        Duration, Meta(description="For one call of this chain; the provider's own guard holds too.")
    ] | (None) = None
    ack: Annotated[
        Literal["async", "quorum", "all"],
        Meta(description="mirror: whether a write waits for it. What it misses is delivered later in any case."),
    ] = "async"
    sample: Annotated[float, Meta(ge=0, le=1, description="shadow: the share of reads that are compared.")] = 0.1
    ttl: Annotated[Duration, Meta(description="cache: how long a record is served from it.")] = field(
        default_factory=lambda: Duration("5m")
    )
    search_ttl: Annotated[Duration, Meta(description="cache: how long the answers of searches are.")] | None = None
    merge: Annotated[
        Literal["first", "union", "rrf"],
        Meta(description="reader: only where nothing was found before it; all together; or searches merged by rank."),
    ] = "union"


STEP_KEYS: Final[dict[str, StepRole]] = {
    "ack": "mirror", "sample": "shadow", "ttl": "cache", "search_ttl": "cache", "merge": "reader",
}  # fmt: skip
