"""Which messages call tools and which answer them, in each of the shapes that agents write.

    OpenAI      {"role": "assistant", "tool_calls": [{"id": ..}]}      {"role": "tool", "tool_call_id": ..}
    Anthropic   {"content": [{"type": "tool_use", "id": ..}]}          {"type": "tool_result", "tool_use_id": ..}
    Bedrock     {"content": [{"toolUse": {"toolUseId": ..}}]}          {"toolResult": {"toolUseId": ..}}
    Fence       {"content": {"type": "toolUse", "content": {..}}}      {"type": "toolResult", "content": {..}}
    AI SDK      {"content": [{"type": "tool-call", "toolCallId": ..}]} {"type": "tool-result", "toolCallId": ..}
    PydanticAI  {"parts": [{"part_kind": "tool-call", "tool_call_id"}]} {"part_kind": "tool-return", "tool_call_id": ..}

Anything else is a plain message. Never fails, whatever a client wrote.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

_SHAPES: Final = {  # by `type`: whether it is a call, and the key of its id
    "tool_use": (True, "id"),
    "tool_result": (False, "tool_use_id"),
    "tool-call": (True, "toolCallId"),
    "tool-result": (False, "toolCallId"),
    "toolUse": (True, "toolUseId"),
    "toolResult": (False, "toolUseId"),
}


class Tools(msgspec.Struct, frozen=True):
    """Ids of the calls a message makes and of those it answers; "" for one without an id. `said`: what they cost."""

    calls: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    said: str = ""


NONE: Final = Tools()


def read_tools(message: Mapping[str, Any]) -> Tools:
    calls: list[str] = []
    answers: list[str] = []
    said: list[Any] = []
    for call in _items(message.get("tool_calls")):
        calls.append(_id(call, "id"))
        said.append(call)
    if message.get("function_call"):
        calls.append("")
        said.append(message["function_call"])
    for block in [*_items(message.get("content")), *_items(message.get("parts"))]:
        found = _block(block)
        if found is not None:
            is_call, id_ = found
            (calls if is_call else answers).append(id_)
            said.append(block)
    if not answers and message.get("role") in ("tool", "function"):
        answers.append(_id(message, "tool_call_id"))
    if not calls and not answers:
        return NONE
    return Tools(tuple(calls), tuple(answers), msgspec.json.encode(said).decode() if said else "")


def _block(block: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Whether a part of a message is a call (or an answer), and its id; None for any other part."""
    kind = block.get("part_kind")
    if kind in ("tool-call", "tool-return"):
        return kind == "tool-call", _id(block, "tool_call_id")
    kind = block.get("type")
    if isinstance(kind, str) and kind in _SHAPES:
        is_call, key = _SHAPES[kind]
        return is_call, _id(block.get("content") if key == "toolUseId" else block, key)
    for name, is_call in (("toolUse", True), ("toolResult", False)):
        if isinstance(block.get(name), Mapping):
            return is_call, _id(block[name], "toolUseId")
    return None


def _items(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield cast("Mapping[str, Any]", value)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            if isinstance(each, Mapping):
                yield cast("Mapping[str, Any]", each)


def _id(value: Any, key: str) -> str:
    found = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
