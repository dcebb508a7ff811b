"""TFrameX's memory over a gateway: a store is one session, so an agent finds in it what was said before it was made.

store = GatewayMemoryStore(gateway.user("ann"), "support-1")
app = TFrameXApp(default_memory_store_factory=memory_store_factory(gateway.user("ann"), "support-1"))

What must not be lost when an agent's process ends is in the gateway before `add_message` returns.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pydantic import Field
from tframex.models.primitives import Message as _Message  # pyright: ignore[reportMissingTypeStubs] - it ships none
from tframex.util.memory import BaseMemoryStore  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gateway.client import AsyncGateway, replies

DEFAULT: Final = "default"
_LARGEST: Final = 200  # messages in one request


class Message(_Message):
    """TFrameX's own, with what it has no room for. Neither is sent to a model."""

    metadata: dict[str, Any] = Field(default_factory=dict, exclude=True)
    timestamp: datetime | None = Field(default=None, exclude=True)  # when the gateway took it


class GatewayMemoryStore(BaseMemoryStore):
    """One session of the client's user. Several stores of one session, in any process, are one memory.

    It has no length, for TFrameX takes a store that is empty for none at all.
    """

    def __init__(
        self, gateway: AsyncGateway, session_id: str, *, max_messages: int | None = None, max_tokens: int | None = None
    ) -> None:
        """At most so many of the last messages, or tokens, are given back. What is kept is for the route to say."""
        self._gateway = gateway
        self._max_messages = max_messages
        self._max_tokens = max_tokens
        self.session_id = session_id

    async def add_message(
        self, message: _Message, scope: str = DEFAULT, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """With `metadata`, or that of our own Message. A `scope` is a store beside this one: see `scoped`."""
        said = message.model_dump(exclude_none=True)
        known: dict[str, Any] = {**getattr(message, "metadata", {}), **(metadata or {})}
        if known:
            said["metadata"] = known
        session = self.session_id if scope == DEFAULT else self.scoped(scope).session_id
        await self._gateway.sessions.append(session, said)

    async def get_history(
        self, limit: int | None = None, offset: int = 0, roles: list[str] | None = None
    ) -> list[_Message]:
        """The last `limit` messages in their order, after skipping the newest `offset`, of these roles alone.

        Never begins with a tool's answer whose call was cut off: the answer goes too; or, where answers would be all,
        the call comes along.
        """
        if self._max_messages is not None:
            limit = self._max_messages if limit is None else min(limit, self._max_messages)
        if limit is not None and limit < 1:
            return []
        if self._max_tokens is not None and roles is None and offset == 0:
            window = [each for each in await self.get_context_window(self._max_tokens) if each.role != "system"]
            return _whole(window if limit is None else window[-limit:])
        found = await self._last(limit, offset, roles)
        if roles is not None or not found:
            return list(found)
        whole = _whole(found)
        while not whole and limit is not None and len(found) == limit:
            limit *= 2
            found = await self._last(limit, offset, None)
            whole = _from_the_last_call(found)
        return whole

    async def clear(self) -> None:
        await self._gateway.sessions.clear(self.session_id)

    async def get_context_window(self, max_tokens: int = 4000) -> list[_Message]:
        """The newest that fit, calls and answers whole, after the system prompt where one is set."""
        window = await self._gateway.sessions.context(self.session_id, max_tokens=max_tokens)
        return [_read(each) for each in window]

    async def search(self, query: str, top_k: int = 5) -> list[_Message]:
        """The messages that fit best, by the route's strategy, the best first."""
        return [_read(each) for each in await self._gateway.sessions.search(self.session_id, query, top_k=top_k)]

    async def get_messages_by_metadata(self, **wanted: Any) -> list[_Message]:
        """Those that have all of these; one without a key does not match."""
        return list(await self._last(None, 0, None, filters={f"metadata.{key}": wanted[key] for key in wanted}))

    async def get_messages_by_date_range(self, start_date: datetime, end_date: datetime) -> list[_Message]:
        """Both ends belong to it. A time without a zone is local time."""
        return list(await self._last(None, 0, None, since=start_date.astimezone(), until=end_date.astimezone()))

    def scoped(self, name: str) -> "GatewayMemoryStore":
        """A store of its own beside this one, the same for the same name; `default` is this one."""
        session = self.session_id if name == DEFAULT else _beside(self.session_id, name)
        return GatewayMemoryStore(self._gateway, session, max_messages=self._max_messages, max_tokens=self._max_tokens)

    def get_scope(self, scope_name: str) -> "GatewayMemoryStore":
        return self.scoped(scope_name)

    async def _last(
        self, limit: int | None, offset: int, roles: Sequence[str] | None, **picked: Any
    ) -> Sequence[Message]:
        """The last of those that are picked, oldest first, page after page back until there are enough."""
        found: list[Message] = []
        cursor: str | None = None
        while True:
            size = _LARGEST if limit is None else min(limit - len(found), _LARGEST)
            page = await self._gateway.sessions.history(
                self.session_id, limit=size, offset=None if cursor else offset, cursor=cursor, roles=roles, **picked
            )
            found[:0] = [_read(each) for each in page]
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                return found


def memory_store_factory(
    gateway: AsyncGateway, session_id: str | Callable[[], str] | None = None, **options: Any
) -> Callable[[], BaseMemoryStore]:
    """For `TFrameXApp(default_memory_store_factory=...)`, which asks once for each agent of a run and names none.

    With a session's id all agents share it; with a function each gets what it says; without, each a new one.
    """

    def made() -> BaseMemoryStore:
        named = session_id() if callable(session_id) else session_id or str(uuid4())
        return GatewayMemoryStore(gateway, named, **options)

    return made


def _read(message: replies.Message) -> Message:
    read = Message.model_validate(message.message)
    read.timestamp = message.created_at
    return read


def _whole(messages: Iterable[_Message]) -> list[_Message]:
    """Without the answers at its start: their calls were cut off."""
    kept = list(messages)
    while kept and kept[0].role == "tool":
        del kept[0]
    return kept


def _from_the_last_call(messages: Sequence[_Message]) -> list[_Message]:
    calls = [at for at, each in enumerate(messages) if each.role != "tool"]
    return list(messages[calls[-1] :]) if calls else []


def _beside(session_id: str, name: str) -> str:
    """An id that tells what it is, and that no other pair of session and name has."""
    told = hashlib.sha256(f"{len(session_id)}:{session_id}{name}".encode()).hexdigest()[:32]
    return f"{session_id[:100]}#{name[:100]}#{told}"
