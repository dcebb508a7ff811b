"""What every request may name: the parts of its scope, and the route it wants."""

import msgspec


class Scoped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    route: str | None = None
