"""OpenAI's chat completions."""

from collections.abc import Sequence
from typing import Any, Final, cast

from gateway.faces.llm.failing import openai_failed
from gateway.faces.llm.tongue import Body, Said, Tongue, events, items, json_of, text_at, text_of

_SYSTEM: Final = ("system", "developer")


def said(body: Body) -> Sequence[Said]:
    return [
        Said(each["role"], text_of(each.get("content")))
        for each in items(body, "messages")
        if each.get("role") in ("user", "assistant")
    ]


def texts(body: Body) -> Sequence[str]:
    return [text_of(each.get("content")) for each in items(body, "messages")]


def told(body: Body, block: str, late: bool, in_system: bool) -> Body:
    messages = list(items(body, "messages"))
    users = [index for index, each in enumerate(messages) if each.get("role") == "user"]
    if not in_system:
        at = users[-1] if late else users[0]
        messages[at] = {**messages[at], "content": before(messages[at].get("content"), block)}
    elif late:
        messages.insert(users[-1], {"role": "system", "content": block})
    else:
        systems = [index for index, each in enumerate(messages) if each.get("role") in _SYSTEM and index < users[0]]
        if systems:
            at = systems[-1]
            messages[at] = {**messages[at], "content": after(messages[at].get("content"), block)}
        else:
            messages.insert(0, {"role": "system", "content": block})
    return {**body, "messages": messages}


def before(content: Any, block: str) -> Any:
    if isinstance(content, list):
        return [{"type": "text", "text": block}, *cast("list[Any]", content)]
    return f"{block}\n\n{content}" if content else block


def after(content: Any, block: str) -> Any:
    if isinstance(content, list):
        return [*cast("list[Any]", content), {"type": "text", "text": block}]
    return f"{content}\n\n{block}" if content else block


def heard(raw: bytes, streamed: bool) -> str:
    if streamed:
        return "".join(text_at(choice, "delta", "content") for choice in _first(events(raw)))
    return "".join(text_at(choice, "message", "content") for choice in _first(json_of(raw)))


def _first(bodies: Sequence[Body]) -> list[Body]:
    """The first of the choices, in each."""
    return [choice for body in bodies for choice in items(body, "choices") if not choice.get("index")]


def user(body: Body) -> str:
    return text_at(body, "user") or text_at(body, "metadata", "user_id")


def session(body: Body) -> str:
    return text_at(body, "metadata", "session_id")


CHAT: Final = Tongue(
    name="llm.chat", face="openai", path="/chat/completions", said=said, texts=texts, told=told, heard=heard,
    user=user, session=session, failed=openai_failed,
)  # fmt: skip
