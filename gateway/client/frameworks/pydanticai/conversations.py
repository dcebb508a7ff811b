"""PydanticAI's messages and conversations in a gateway, as they were: what comes back is, byte for byte, what was sent.

Messages go to a session, where lists, windows and searches know their texts; a conversation with its usage and the
calls it waits for is the state of a run of its own id.
"""

from collections.abc import Sequence
from typing import Any, Final

from pydantic_ai import Conversation, ConversationTypeAdapter, ModelMessagesTypeAdapter
from pydantic_ai.messages import ModelMessage

from gateway.client import AsyncGateway, NotFound, replies
from gateway.client.frameworks.pydanticai.spoken import role_of, said

_BATCH: Final = 50
_ADDED: Final = frozenset({"role", "content"})
_NAME: Final = "conversation"


async def append_history(gateway: AsyncGateway, session_id: str, messages: Sequence[ModelMessage]) -> None:
    """Adds messages, such as a result's `new_messages()`, to a session."""
    rows: list[dict[str, Any]] = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")
    sent = [
        {**row, "role": role_of(message), "content": "\n".join(each.text for each in said([message]))}
        for row, message in zip(rows, messages, strict=True)
    ]
    for start in range(0, len(sent), _BATCH):
        await gateway.sessions.append(session_id, sent[start : start + _BATCH])


async def load_history(
    gateway: AsyncGateway, session_id: str, *, limit: int | None = None, max_tokens: int | None = None
) -> list[ModelMessage]:
    """For `message_history=`: the whole session, its last `limit` messages, or the newest that fit into `max_tokens`
    with every call beside its answer."""
    if max_tokens is not None:
        return _read(list(await gateway.sessions.context(session_id, max_tokens=max_tokens)))
    found: list[replies.Message] = []
    cursor: str | None = None
    while limit is None or len(found) < limit:
        page = await gateway.sessions.history(session_id, limit=limit and limit - len(found), cursor=cursor)
        found[:0] = page.messages
        cursor = page.cursor
        if cursor is None:
            break
    return _read(found)


async def save_conversation(gateway: AsyncGateway, conversation: Conversation) -> None:
    """Under its own id, in the place of what was there."""
    state = ConversationTypeAdapter.dump_python(conversation, mode="json")
    await gateway.checkpoints.put_named(conversation.conversation_id, _NAME, state, step_name=_NAME)


async def load_conversation(gateway: AsyncGateway, conversation_id: str) -> Conversation | None:
    """For `conversation=`; None where none of this id was saved."""
    try:
        found = await gateway.checkpoints.get(conversation_id, _NAME)
    except NotFound:
        return None
    return ConversationTypeAdapter.validate_python(found.state)


def _read(messages: Sequence[replies.Message]) -> list[ModelMessage]:
    """Those that PydanticAI wrote; a session may hold others too."""
    rows = [
        {key: value for key, value in each.message.items() if key not in _ADDED}
        for each in messages
        if "parts" in each.message
    ]
    return ModelMessagesTypeAdapter.validate_python(rows)
