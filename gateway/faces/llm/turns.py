"""Which turns of a conversation are kept, and as what. Decided by the conversation alone, so any worker decides alike."""

import hashlib
from collections.abc import Sequence

import msgspec

from gateway.config.model import ContextBlock, Proxy
from gateway.faces.llm.tongue import Said
from gateway.services.memories.adding import NewMemory
from gateway.services.prompting import without_block


class Turn(msgspec.Struct, frozen=True):
    """What a user said, and what was answered."""

    user: str
    assistant: str


def turns(said: Sequence[Said], answer: str) -> list[Turn]:
    """From the first thing a user says to the answer that has just been given."""
    found: list[Turn] = []
    for each in (*said, Said("assistant", answer)):
        if each.role == "user":
            found.append(Turn(each.text, ""))
        elif found and each.text:
            last = found[-1]
            found[-1] = Turn(last.user, f"{last.assistant}\n{each.text}" if last.assistant else each.text)
    return found


def due(proxy: Proxy, known: Sequence[Turn]) -> Sequence[Turn]:
    """Those to keep now: every so many turns, all since the last time."""
    every = proxy.store_after_turns
    return known[-every:] if proxy.auto_store and known and len(known) % every == 0 else ()


def memories(settings: ContextBlock, kept: Sequence[Turn]) -> list[NewMemory]:
    """Each turn as one memory of two messages. What was only recalled is left out, lest it be remembered twice."""
    made: list[NewMemory] = []
    for turn in kept:
        user, assistant = without_block(settings, turn.user), without_block(settings, turn.assistant)
        messages = [
            {"role": role, "content": text} for role, text in (("user", user), ("assistant", assistant)) if text
        ]
        if user:
            made.append(NewMemory(messages=msgspec.Raw(msgspec.json.encode(messages)), metadata={"source": "proxy"}))
    return made


def key(session: str, known: Sequence[Turn], kept: Sequence[Turn]) -> str:
    """The same for the same turns at the same place of a conversation, however often they are sent."""
    return "proxy:" + hashlib.sha256(msgspec.json.encode([session, len(known), kept])).hexdigest()
