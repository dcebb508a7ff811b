"""Models that answer offline, from nothing but what they are shown: so an answer proves what reached them."""

# pyright: basic
# Fence has annotations of its own, but no stubs, and not everywhere.

import re
from typing import Any

from fence.models.base import LLM


class Echo(LLM):
    """Says the name or the order number it has read, where it is asked; else that it has taken note."""

    model_name = model_id = "echo"

    def __init__(self) -> None:
        super().__init__(source="test")
        self.seen: list[Any] = []

    def invoke(self, prompt: Any, **_: Any) -> str:
        self.seen.append(prompt)
        texts = [part.text for message in prompt.messages for part in message.content if part.type == "text"]
        facts = [fact for text in texts for fact in re.findall(r"(?:my name is|I like|order) (#?\w+)", text)]
        answer = ("I know: " + ", ".join(facts) if facts else "I know nothing") if "?" in texts[-1] else "Noted."
        return f"[THOUGHT] {len(texts)} messages\n[ANSWER] {answer}"


class Titles(LLM):
    model_name = model_id = "titles"

    def __init__(self) -> None:
        super().__init__(source="test")

    def invoke(self, prompt: Any, **_: Any) -> str:
        return f"{'summary' if 'summary' in prompt else 'title'} of {prompt.count('Message(')}"


class Converse(LLM):
    """Calls the tool Weather once, then answers with what it gave."""

    model_name = model_id = "converse"
    toolConfig = None  # noqa: N815 - as Bedrock has it
    full_response = True

    def __init__(self) -> None:
        super().__init__(source="test")
        self.called = False

    def invoke(self, prompt: Any, **_: Any) -> dict[str, Any]:
        content: list[dict[str, Any]]
        if not self.called:
            self.called = True
            use = {"toolUseId": "t1", "name": "Weather", "input": {"city": "Oslo", "height": 1.5}}
            content = [{"text": "<thinking>look</thinking>"}, {"toolUse": use}]
        else:
            results = [part for message in prompt.messages for part in message.content if part.type == "toolResult"]
            content = [{"text": f"<answer>{results[-1].content.content[0].json_field['temp']}</answer>"}]
        return {"output": {"message": {"content": content}}}
