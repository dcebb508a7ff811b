"""When a hook is asked, and what becomes of an operation when it cannot answer: the keys that every hook has."""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType, field

from gateway.config.model.words import Keys
from gateway.domain.units import Duration

Word: TypeAlias = Literal[
    "add", "update", "search", "get", "list", "delete", "append", "checkpoint", "error", "reload",
    "before_add", "before_update", "before_search", "before_get", "before_list", "before_delete", "before_append",
    "before_checkpoint",
    "after_add", "after_update", "after_search", "after_get", "after_list", "after_delete", "after_append",
    "after_checkpoint",
    "on_memory_add", "on_memory_search", "on_checkpoint", "on_error",
]  # fmt: skip


class Hooking(Keys, frozen=True, kw_only=True):
    """What every hook has beside its own keys."""

    on: (
        Annotated[
            Word | tuple[Word, ...],
            Meta(
                description="What it is asked about: an event, at the side or sides that this type of hook is for, or "
                "one side of it (`before_add`). Left out: all that the type is for."
            ),
        ]
        | UnsetType
    ) = UNSET
    on_failure: (
        Annotated[
            Literal["reject", "proceed"],
            Meta(
                description="What follows when it fails or is late: the operation is refused, or goes on without it. "
                "Left out: refused, except after something was written, after an error and after a reload."
            ),
        ]
        | None
    ) = None
    timeout: Annotated[Duration, Meta(description="For one answer of it.")] = field(
        default_factory=lambda: Duration("5s")
    )

    def words(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are written, else the usual ones."""
        if isinstance(self.on, UnsetType):
            return usual
        return (self.on,) if isinstance(self.on, str) else self.on
