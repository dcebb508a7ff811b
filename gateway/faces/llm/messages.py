"""Anthropic's messages. They have no system's word between turns, so what comes late stands in the user's message."""

from collections.abc import Sequence
from typing import Final

from gateway.faces.llm.chat import after, before
from gateway.faces.llm.failing import anthropic_failed
from gateway.faces.llm.tongue import Body, Said, Tongue, events, items, json_of, text_at, text_of


def said(body: Body) -> Sequence[Said]:
    return [
        Said(each["role"], text)
        for each in items(body, "messages")
        if each.get("role") in ("user", "assistant")
        # A message of nothing but results of tools is a user's in name alone.
        and ((text := text_of(each.get("content"))) or each["role"] == "assistant")
    ]


def texts(body: Body) -> Sequence[str]:
    return [text_of(body.get("system")), *(text_of(each.get("content")) for each in items(body, "messages"))]


def told(body: Body, block: str, late: bool, in_system: bool) -> Body:
    if in_system and not late:
        return {**body, "system": after(body.get("system"), block)}
    messages = list(items(body, "messages"))
    users = [
        index for index, each in enumerate(messages) if each.get("role") == "user" and text_of(each.get("content"))
    ]
    at = users[-1] if late else users[0]
    messages[at] = {**messages[at], "content": before(messages[at].get("content"), block)}
    return {**body, "messages": messages}


def heard(raw: bytes, streamed: bool) -> str:
    if streamed:
        return "".join(
            text_at(event, "delta", "text") for event in events(raw) if event.get("type") == "content_block_delta"
        )
    return "".join(text_at(part, "text") for body in json_of(raw) for part in items(body, "content"))


def user(body: Body) -> str:
    return text_at(body, "metadata", "user_id")


def session(_body: Body) -> str:
    return ""


MESSAGES: Final = Tongue(
    name="llm.messages", face="anthropic", path="/messages", said=said, texts=texts, told=told, heard=heard,
    user=user, session=session, failed=anthropic_failed,
)  # fmt: skip
