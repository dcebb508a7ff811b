"""What hooks have kept aside, and what became of it."""

from datetime import datetime
from typing import Any

import msgspec


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """`memory_id` is the memory that it was to change, where it was to change one."""

    id: str
    kind: str
    hook: str
    reason: str
    operation: str
    memory_id: str | None = None
    content: Any
    metadata: dict[str, Any] = {}
    role: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    principal: str
    created_at: datetime
    expires_at: datetime | None = None


class AsideList(msgspec.Struct, frozen=True, kw_only=True):
    """A page, newest first. `cursor` leads to the next; None on the last."""

    quarantine: list[Aside]
    cursor: str | None = None


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is that of the memory or message now; `event` ADD or UPDATE, or what another hook has ruled."""

    id: str
    kind: str
    event: str
