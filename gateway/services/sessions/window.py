"""Where a context window begins, so that it fits and stands by itself. Pure: knows no records and no backend.

A window is a suffix of the session. It stands by itself when it begins with no answer of a tool, and when no answer
in it belongs to a call before it. An answer without any call belongs to nothing and may be in it, not at its start.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.services.sessions.toolcalls import Tools

_NOWHERE: Final = -1


class Piece(msgspec.Struct, frozen=True):
    """One message, as far as the window cares."""

    tokens: int
    tools: Tools


def begin(pieces: Sequence[Piece], first: int) -> int:
    """The first place at or after `first` where a window can begin; `first` is where the budget ends.

    Where there is none, the newest message does not fit with what it belongs to: then the last place before `first`,
    for a window with the newest message in it is worth more than none. The end, if no place exists at all.
    """
    starts = _starts(pieces)
    return next((at for at in starts if at >= first), starts[-1] if starts else len(pieces))


def _starts(pieces: Sequence[Piece]) -> list[int]:
    """Every place where a window stands by itself, in order."""
    owners = _owners(pieces)
    found: list[int] = []
    earliest = len(pieces)  # the first call that the messages from here on need
    for at in range(len(pieces) - 1, -1, -1):
        outside = [owner for owner in owners[at] if owner != at]
        earliest = min([earliest, *(owner for owner in outside if owner != _NOWHERE)])
        if not outside and earliest >= at:
            found.append(at)
    return found[::-1]


def _owners(pieces: Sequence[Piece]) -> list[list[int]]:
    """For each message, where the calls are that it answers: the nearest before it with that id."""
    made: dict[str, int] = {}
    latest = _NOWHERE
    owners: list[list[int]] = []
    for at, piece in enumerate(pieces):
        for call in piece.tools.calls:
            made[call] = latest = at
        owners.append([made.get(answer, _NOWHERE) if answer else latest for answer in piece.tools.answers])
    return owners


class Growing(msgspec.Struct):
    """Grows back from the newest message until no more is needed to tell where the window begins."""

    budget: int
    back: int  # how far past the budget to look for the call of an answer
    newest_first: list[Piece] = msgspec.field(default_factory=list[Piece])
    fitting: int = 0
    spent: int = 0
    _full: bool = False
    _wanting: set[str] = msgspec.field(default_factory=set[str])

    def take(self, piece: Piece) -> bool:
        """Whether to go on to the message before this one."""
        self.newest_first.append(piece)
        if not self._full and self.spent + piece.tokens <= self.budget:
            self.spent += piece.tokens
            self.fitting += 1
        else:
            self._full = True
        answers = set(piece.tools.answers)
        self._wanting = (self._wanting | answers).difference(piece.tools.calls)
        if piece.tools.calls:
            self._wanting.discard("")  # an answer without an id belongs to the nearest call
        settled = not self._wanting and not answers
        return not (self._full and (settled or len(self.newest_first) - self.fitting > self.back))

    def length(self) -> int:
        """How many of the newest messages make the window."""
        pieces = self.newest_first[::-1]
        return len(pieces) - begin(pieces, len(pieces) - self.fitting)
