"""What every request may name: the parts of its scope, and the route it wants."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

Moment: TypeAlias = Annotated[
    datetime, Meta(description="ISO 8601; without an offset it is UTC.", extra_json_schema={"format": "date-time"})
]


class Scoped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    route: str | None = None
