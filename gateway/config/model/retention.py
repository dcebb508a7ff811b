"""How long a route keeps what it holds, beyond the `ttl` of single records: by age and by number, with an archive."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from gateway.config.model.words import Keys, Name
from gateway.domain.units import Duration


class Retention(Keys, frozen=True, kw_only=True):
    """What goes by itself, and where it goes. Sweeps look at it from time to time."""

    max_age_days: (
        Annotated[
            float,
            Meta(
                gt=0, le=36_500, description="Memories and messages not changed for so long go; sessions idle so long."
            ),
        ]
        | None
    ) = None
    max_memories: Annotated[int, Meta(ge=1, description="Of one owner: how many memories stay.")] | None = None
    keep: Annotated[
        Literal["newest", "changed"], Meta(description="Which stay: the newest, or those changed or added last.")
    ] = "newest"
    archive: (
        Annotated[Name, Meta(description="A provider that gets what is removed before it goes; of sessions too.")]
        | None
    ) = None
    archive_if: Annotated[dict[str, Any], Meta(description="A filter: only what passes it is archived.")] = {}
    delete_after_archive: Annotated[
        bool, Meta(description="false: what is in the archive stays where it is as well.")
    ] = True
    every: Annotated[Duration, Meta(description="Between two sweeps.")] = field(default_factory=lambda: Duration("1h"))

    @property
    def active(self) -> bool:
        """Whether there is anything to sweep for."""
        return self.max_age_days is not None or self.max_memories is not None
