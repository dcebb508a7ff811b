"""One request as the operations see it, and what an operation is."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from tests.servers.zep.answers import Refused
from tests.servers.zep.finding import Ranking
from tests.servers.zep.learning import Graph
from tests.servers.zep.state import State

_KEYS = 10


class Asked:
    """`changes` are written, all at once, when the operation has returned."""

    def __init__(
        self, state: State, ranking: Ranking, path: dict[str, str], query: dict[str, str], body: dict[str, Any]
    ) -> None:
        self.state = state
        self.ranking = ranking
        self.path = path
        self.query = query
        self.body = body
        self.changes: list[dict[str, Any]] = []

    @property
    def graph(self) -> Graph:
        return there(self.state.graph(self.path["graph_uuid"]))

    @property
    def user(self) -> dict[str, Any]:
        return there(self.state.users.get(self.path["user_uuid"]))

    @property
    def thread(self) -> dict[str, Any]:
        return there(self.state.threads.get(self.path["thread_uuid"]))


class Route(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str  # as the client builds it
    model: Any  # of the answer
    act: Callable[[Asked], Awaitable[dict[str, Any]]]
    keys: tuple[str, ...] = ()  # of the body
    writes: bool = False
    status: int = 200


def there(found: Any) -> Any:
    if found is None:
        raise Refused(404, "not_found", "there is no such thing")
    return found


def check_metadata(metadata: Any) -> None:
    """Ten keys at most; values are text, numbers, true or false, or lists of those."""
    if metadata is None:
        return
    scalar = (str, int, float, bool)
    for value in metadata.values():
        if not isinstance(value, scalar) and not (
            isinstance(value, list) and all(isinstance(each, scalar) for each in cast("list[Any]", value))
        ):
            raise Refused(400, "invalid_metadata", "values are scalars or lists of scalars")
    if len(metadata) > _KEYS:
        raise Refused(400, "invalid_metadata", f"{_KEYS} keys at most")
