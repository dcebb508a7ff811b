"""Two parts put into mem0's library in place of its own: a history that keeps nothing, and a client that takes turns.

mem0 writes every text, old and new, into a history database, and the last messages of every scope: both outlive the
deletion of the memory. The gateway keeps its own history, which is erased with the memory.
"""

import threading
from typing import Any


class NoHistory:
    """Answers like mem0's SQLiteManager that has been told nothing yet."""

    def add_history(self, *_: Any, **__: Any) -> None:
        return

    def batch_add_history(self, _: list[dict[str, Any]]) -> None:
        return

    def get_history(self, _: str) -> list[dict[str, Any]]:
        return []

    def save_messages(self, *_: Any) -> None:
        return

    def get_last_messages(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return []

    def reset(self) -> None:
        return

    def close(self) -> None:
        return


class TakingTurns:
    """Stands before a client that only one thread may use at a time, as the embedded Qdrant is."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._turn = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def called(*given: Any, **named: Any) -> Any:
            with self._turn:
                return found(*given, **named)

        return called
