"""How an answer came about, where it was asked for."""

import msgspec


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reason: str
    score: float | None = None
    relevance: float | None = None
    parts: dict[str, float] = {}


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer came about."""

    route: str
    scope: dict[str, str | None] = {}
    strategy: str
    considered: int
    exhaustive: bool
    sources: list[str] = []
    faults: list[str] = []
    dropped: list[Dropped] = []
