"""OpenAI's responses. A conversation that its server keeps (`previous_response_id`) is seen here one turn at a time."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.faces.llm.chat import session, user
from gateway.faces.llm.failing import openai_failed
from gateway.faces.llm.tongue import Body, Said, Tongue, events, items, json_of, text_at, text_of


def _given(body: Body) -> list[Any]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return list(given) if isinstance(given, list) else []  # type: ignore[arg-type]


def _messages(body: Body) -> list[tuple[int, Body]]:
    """With where they stand among what was given."""
    return [
        (index, each)
        for index, each in enumerate(_given(body))
        if isinstance(each, dict) and each.get("type", "message") == "message"  # type: ignore[union-attr]
    ]


def said(body: Body) -> Sequence[Said]:
    return [
        Said(each["role"], text_of(each.get("content")))
        for _, each in _messages(body)
        if each.get("role") in ("user", "assistant")
    ]


def texts(body: Body) -> Sequence[str]:
    return [text_at(body, "instructions"), *(text_of(each.get("content")) for _, each in _messages(body))]


def told(body: Body, block: str, late: bool, in_system: bool) -> Body:
    if in_system and not late:
        own = text_at(body, "instructions")
        return {**body, "instructions": f"{own}\n\n{block}" if own else block}
    given = _given(body)
    users = [index for index, each in _messages(body) if each.get("role") == "user"]
    at = users[-1] if late else users[0]
    if in_system:
        given.insert(at, {"role": "developer", "content": block})
    else:
        content = given[at].get("content")
        given[at] = {
            **given[at],
            "content": [{"type": "input_text", "text": block}, *content]
            if isinstance(content, list)
            else f"{block}\n\n{content}",
        }
    return {**body, "input": given}


def heard(raw: bytes, streamed: bool) -> str:
    if streamed:
        return "".join(
            text_at(event, "delta") for event in events(raw) if event.get("type") == "response.output_text.delta"
        )
    return "".join(
        text_at(part, "text")
        for body in json_of(raw)
        for item in items(body, "output")
        if item.get("type") == "message"
        for part in items(item, "content")
        if part.get("type") == "output_text"
    )


RESPONSES: Final = Tongue(
    name="llm.responses", face="openai", path="/responses", said=said, texts=texts, told=told, heard=heard,
    user=user, session=session, failed=openai_failed,
)  # fmt: skip
