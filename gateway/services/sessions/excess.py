"""How much of a session is too much, by its route's limits. Pure: knows no records and no backend.

The oldest go first, and never a call without its answers: what stays begins where a context window could begin.
"""

from collections.abc import Sequence

from gateway.config.model import Session
from gateway.services.sessions.window import Piece, begin


def excess(pieces: Sequence[Piece], limits: Session) -> int:
    """How many of the oldest go; 0 where the session is within its limits. The newest message always stays.

    Where the newest messages belong together and are too much by themselves, they stay whole.
    """
    count, tokens = len(pieces), sum(piece.tokens for piece in pieces)
    too_many = limits.max_messages is not None and count > limits.max_messages
    too_long = limits.max_tokens is not None and tokens > limits.max_tokens
    due = limits.on_overflow == "summarize" and limits.summarize_after is not None and count >= limits.summarize_after
    if not (too_many or too_long or due):
        return 0
    first = 0
    if limits.keep_messages is not None:
        first = count - limits.keep_messages
    elif too_many or due:
        most = [each for each in (limits.max_messages, limits.summarize_after if due else None) if each is not None]
        first = count - max(1, int(min(most) * ratio(limits)))
    if too_long and limits.max_tokens is not None:
        first = max(first, _fitting(pieces, int(limits.max_tokens * ratio(limits))))
    if first <= 0:
        return 0
    return _whole(pieces, min(first, count - 1))


def surplus_of(pieces: Sequence[Piece], keep: int) -> int:
    """How many of the oldest go, for so many of the newest to stay. With 0 to keep, all go."""
    first = max(0, len(pieces) - keep)
    return _whole(pieces, first) if 0 < first < len(pieces) else first


def _whole(pieces: Sequence[Piece], first: int) -> int:
    found = begin(pieces, first)
    return found if found < len(pieces) else first  # answers without any call belong to nothing


def ratio(limits: Session) -> float:
    """A summary for every single message would cost a call each."""
    if limits.keep_ratio is not None:
        return limits.keep_ratio
    return 1.0 if limits.on_overflow in ("drop", "archive") else 0.5


def _fitting(pieces: Sequence[Piece], budget: int) -> int:
    """Where the longest end of the session begins that fits."""
    spent = 0
    for at in range(len(pieces) - 1, -1, -1):
        spent += pieces[at].tokens
        if spent > budget:
            return at + 1
    return 0
