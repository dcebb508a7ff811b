"""What is asked of retrieval and what it answers. Data only: no ranking happens here."""

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.record import Kind, Record


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One search. Filter, `since`, kinds and expiry apply before anything is ranked.

    `vector` is the query's own, where the caller has it already; otherwise the embedder makes it when the strategy
    needs one. `since` is inclusive. `now` is the time of the request: recency and expiry are judged by it.
    """

    now: datetime
    kinds: frozenset[Kind]
    query: str = ""
    vector: bytes | None = None
    top_k: int = 10
    min_relevance: float = 0.0
    since: datetime | None = None
    filter: Filter | None = None
    max_tokens: int | None = None
    explain: bool = False


class Reason(StrEnum):
    """Why a candidate is not among the hits; KEPT for the hits themselves."""

    KEPT = ""
    STRATEGY = "strategy"
    MIN_RELEVANCE = "min_relevance"
    TOP_K = "top_k"
    MAX_TOKENS = "max_tokens"


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A record and its place.

    `score` is what the order is by: None where the order is by time alone. `relevance` is absolute, from 0 to 1, so a
    threshold on it means the same in every search, and rounded to six decimals before anything is compared with it;
    None where the strategy does not judge it. `parts` are the signals that made the score.
    """

    record: Record
    score: float | None = None
    relevance: float | None = None
    parts: dict[str, float] = {}
    dropped: Reason = Reason.KEPT


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, best first; equal scores by newest first, then by the larger id.

    `dropped` is filled with `explain` only: every candidate that is no hit, with its reason. `exhaustive` says that no
    record the ask allows went unconsidered; `sources` where the candidates came from; `truncated` that more would have
    qualified than top_k or the token budget let through. `faults` are short codes of what went wrong and was lived with.
    """

    hits: tuple[Ranked, ...]
    dropped: tuple[Ranked, ...] = ()
    considered: int = 0
    exhaustive: bool = True
    sources: tuple[str, ...] = ()
    truncated: bool = False
    faults: tuple[str, ...] = ()
