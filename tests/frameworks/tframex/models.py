"""A model that costs nothing: it says what it was told, and calls a tool when it is asked about the weather."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from tframex import (  # pyright: ignore[reportMissingTypeStubs] - it ships none
    BaseLLMWrapper,
    FunctionCall,
    Message,
    MessageChunk,
    TFrameXApp,
    ToolCall,
)


class Told(BaseLLMWrapper):
    """Knows the name it finds in what it is given; `seen` is all that it was given."""

    def __init__(self) -> None:
        super().__init__(model_id="told")
        self.seen: list[list[Message]] = []

    async def chat_completion(  # pyright: ignore[reportIncompatibleMethodOverride] - upstream's is a union
        self, messages: list[Message], stream: bool = False, **kwargs: Any
    ) -> Message | AsyncGenerator[MessageChunk, None]:
        self.seen.append(messages)
        answer = self._answer(messages, tools=bool(kwargs.get("tools")))
        return _in_words(answer.content or "") if stream else answer

    def _answer(self, messages: list[Message], *, tools: bool) -> Message:
        last = messages[-1]
        if tools and last.role == "user" and "weather" in (last.content or ""):
            calls = [
                ToolCall(id=f"c{city}", function=FunctionCall(name="weather", arguments=json.dumps({"city": city})))
                for city in ("Oslo", "Rome")
            ]
            return Message(role="assistant", tool_calls=calls)
        names = [
            (each.content or "").split("name is ")[1].split()[0]
            for each in messages
            if each.role == "user" and "name is " in (each.content or "")
        ]
        return Message(
            role="assistant", content=f"You are {names[-1] if names else 'unknown'}; you said {last.content}"
        )


async def _in_words(text: str) -> AsyncGenerator[MessageChunk, None]:
    for word in text.split(" "):
        yield MessageChunk(role="assistant", content=f"{word} ")


def app_of(model: BaseLLMWrapper, **more: Any) -> TFrameXApp:
    return TFrameXApp(
        default_llm=model, mcp_config_file=None, enable_mcp_roots=False, enable_mcp_sampling=False, **more
    )
