"""The order (created_at, id), both ways: what follows a position, and several ordered walks as one. Knows no table."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.domain.ports import Order, Position
from gateway.domain.record import Record
from gateway.providers.dynamodb.keys import Place

Ordered = TypeVar("Ordered", Record, Place)


def rank(each: Record | Place) -> tuple[datetime, str]:
    return each.created_at, each.id


def follows(each: Record | Place, after: Position | None, order: Order) -> bool:
    """Whether it comes strictly after the position."""
    if after is None:
        return True
    edge = (after.created_at, after.id)
    return rank(each) < edge if order is Order.NEWEST else rank(each) > edge


def ordered(some: Iterable[Ordered], order: Order) -> list[Ordered]:
    return sorted(some, key=rank, reverse=order is Order.NEWEST)


async def merged(walks: Sequence[AsyncIterator[Sequence[Record]]], order: Order) -> AsyncIterator[Sequence[Record]]:
    """Walks that are each in order, as one. Of each no more is drawn than its next records."""
    heads = [_Head(walk) for walk in walks]
    while True:
        for head in heads:
            await head.fill()
        there = [head for head in heads if head.records]
        if not there:
            return
        if len(there) == 1:
            yield there[0].take_all()
            continue
        pick = max if order is Order.NEWEST else min
        yield [pick(there, key=lambda head: rank(head.records[-1])).records.pop()]


class _Head:
    """What has been drawn of one walk, the next record last."""

    __slots__ = ("_ended", "_walk", "records")

    def __init__(self, walk: AsyncIterator[Sequence[Record]]) -> None:
        self._walk = walk
        self._ended = False
        self.records: list[Record] = []

    async def fill(self) -> None:
        while not self.records and not self._ended:
            try:
                self.records = list(await anext(self._walk))[::-1]
            except StopAsyncIteration:
                self._ended = True

    def take_all(self) -> list[Record]:
        some, self.records = self.records[::-1], []
        return some
