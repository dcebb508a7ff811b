"""What was said in PydanticAI's messages: texts with a role, and when. Knows no gateway."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    UserPromptPart,
)


class Said(NamedTuple):
    role: str
    text: str
    at: datetime | None


def said(messages: Iterable[ModelMessage], *, system: bool = False, thinking: bool = False) -> Iterator[Said]:
    """Texts of users and models in their order; of the system and of a model's thoughts only where it is wished for."""
    for message in messages:
        for part in message.parts:
            found: Said | None = None
            if isinstance(part, UserPromptPart):
                found = Said("user", prompt_text(part.content), part.timestamp)
            elif isinstance(part, TextPart):
                found = Said("assistant", part.content, message.timestamp)
            elif system and isinstance(part, SystemPromptPart):
                found = Said("system", part.content, part.timestamp)
            elif thinking and isinstance(part, ThinkingPart):
                found = Said("assistant", part.content, message.timestamp)
            if found is not None and found.text.strip():
                yield found


def prompt_text(prompt: str | Sequence[Any] | None) -> str:
    """The text of a prompt; of pictures and documents in it nothing."""
    if prompt is None or isinstance(prompt, str):
        return prompt or ""
    texts = [each if isinstance(each, str) else getattr(each, "content", "") for each in prompt]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def role_of(message: ModelMessage) -> str:
    """Who speaks: a request that brings a tool's answers and no prompt is the tool's."""
    if not isinstance(message, ModelRequest):
        return "assistant"
    if any(isinstance(part, UserPromptPart) for part in message.parts):
        return "user"
    return "tool" if any(part.part_kind in ("tool-return", "retry-prompt") for part in message.parts) else "user"
