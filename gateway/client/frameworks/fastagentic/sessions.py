"""Session memory: the messages of a conversation, in their order, every key of each kept."""

from typing import Any

from fastagentic.memory import SessionMemory

from gateway.client import AsyncGateway


class GatewaySessionMemory(SessionMemory):
    """How many messages a session holds, and for how long, is the route's own setting."""

    def __init__(self, gateway: AsyncGateway) -> None:
        self._gateway = gateway

    async def get_messages(self, session_id: str) -> list[dict[str, Any]]:
        """All of them, oldest first; none of a session that is not known."""
        messages: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._gateway.sessions.history(session_id, cursor=cursor)
            messages = [*(each.message for each in page), *messages]
            cursor = page.cursor
            if cursor is None:
                return messages

    async def add_message(self, session_id: str, message: dict[str, Any]) -> None:
        await self._gateway.sessions.append(session_id, message)

    async def clear(self, session_id: str) -> None:
        await self._gateway.sessions.clear(session_id)

    async def summarize(self, session_id: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - as documented
        """By the route's summarizer or its backend, or else sentences of the conversation itself."""
        return (await self._gateway.sessions.summarize(session_id)).summary
