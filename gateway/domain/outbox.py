"""What is owed: changes of one provider that another one must still get, kept until it has them.

An Intent holds no contents, only whose records and which: whoever delivers it reads them from the source as they are
then. So nothing waits in a queue that could not be erased, and old states never overtake newer ones.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from gateway.domain.scope import Reach

HELD_SECONDS: Final = 60.0  # longer than any change is under way


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """`target` owes itself the state that these ids have at `source`; both are keys of declared providers.

    With `gone`, they were to be deleted at that time: what is as old, or older, must not be there, or come back.
    """

    source: str
    target: str
    reach: Reach
    ids: tuple[str, ...]
    gone: datetime | None = None


class Outbox(Protocol):
    async def intend(self, intents: Sequence[Intent]) -> None:
        """Durable when it returns. Delivered when they are `settled`, or after HELD_SECONDS, and again until it
        succeeds. Unavailable where it cannot be kept: then the change must not be made."""
        ...

    def settled(self, intents: Sequence[Intent], *, again: bool = False) -> None:
        """The change has been made, so whoever looks it up finds it: a delivery before that would miss it.

        With `again`, somebody may still be making it: delivered now, and once more after HELD_SECONDS. Survives
        nothing, and need not: what was never settled is delivered later.
        """
        ...

    async def gone(self, tenant: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        """Of these, what was to be deleted, and when last. Known from `intend` on, and until HELD_SECONDS after the
        last intent that names the id has been delivered."""
        ...
