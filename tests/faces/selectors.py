"""Selectors as an operator might write them."""

from gateway.retrieval.strategies.custom import SelectorContext, SelectorMemory


def starred(_context: SelectorContext, memories: list[SelectorMemory]) -> list[SelectorMemory]:
    return [memory for memory in memories if memory.metadata.get("starred")]


def broken(_context: SelectorContext, _memories: list[SelectorMemory]) -> list[SelectorMemory]:
    raise RuntimeError("a selector with a bug")
