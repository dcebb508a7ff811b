"""A table that has a partition key and no sort key, used as if it had one.

Each item's key is a hash of its partition and sort; which sorts a partition has is listed in sixteen further items, each
changed in the transaction that changes what it lists. Good for tables that are there already: reading a partition costs
its lists on top, writers of one partition wait for each other, and one holds some 50,000 items.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any, Final

from gateway.domain.errors import TooLarge
from gateway.domain.scope import fingerprint
from gateway.providers.dynamodb.keys import Key
from gateway.providers.dynamodb.table import MAX_CHANGES, Change, Item, Table

_LISTS: Final = 16
_LISTED: Final = "Sorts"
_STATE: Final = "State"
_PARTITION: Final = "Partition"
_SORT: Final = "Sort"
_FETCHED: Final = 100
_FULL: Final = 350_000  # bytes of a list


class HashTable:
    room: Final = MAX_CHANGES // 2  # each change may touch a list of its own

    def __init__(self, table: Table) -> None:
        """`table` is one without a sort key."""
        self._table = table
        self._turn = asyncio.Lock()

    async def get(self, keys: Sequence[Key], names: Sequence[str] = ()) -> dict[Key, Item]:
        at = {_hashed(key): key for key in keys}
        found = await self._table.get(list(at), [*names, _PARTITION, _SORT] if names else ())
        return {at[key]: item for key, item in found.items()}

    async def walk(
        self,
        partition: str,
        names: Sequence[str] = (),
        *,
        between: tuple[str, str] | None = None,
        newest: bool = False,
        first: int = _FETCHED,
    ) -> AsyncIterator[Sequence[Item]]:
        lists = await self._table.get([_list_key(partition, number) for number in range(_LISTS)])
        low, high = between or ("", "\U0010ffff")
        sorts = sorted(
            (sort for each in lists.values() for sort in _listed(each) if low <= sort <= high), reverse=newest
        )
        start, size = 0, max(1, min(first, _FETCHED))
        while start < len(sorts):
            some = [Key(partition, sort) for sort in sorts[start : start + size]]
            there = await self.get(some, names)
            yield [there[key] for key in some if key in there]
            start, size = start + size, _FETCHED

    async def change(self, changes: Sequence[Change]) -> bool:
        """All or none, as a table with a sort key does; False also where a list was changed by somebody else."""
        lists: dict[Key, list[Change]] = {}
        for each in changes:
            lists.setdefault(_list_of(each.key), []).append(each)
        async with self._turn:  # writers of one process would only send each other back
            there = await self._table.get(list(lists))
            told = [self._stored(each) for each in changes]
            for key, listed in lists.items():
                told += _relisted(key, there.get(key), listed)
            return await self._table.change(told)

    def _stored(self, change: Change) -> Change:
        item: Item | None = change.item
        if item is not None:
            item = {**item, _PARTITION: {"S": change.key.partition}, _SORT: {"S": change.key.sort}}
        return Change(key=_hashed(change.key), item=item, only_if=change.only_if, new=change.new)


def _relisted(key: Key, old: Item | None, changes: Sequence[Change]) -> list[Change]:
    before = _listed(old) if old is not None else frozenset[str]()
    after = (before | {each.key.sort for each in changes if each.item is not None}) - {
        each.key.sort for each in changes if each.item is None
    }
    # What stays as it is must still be so: a list that is emptied meanwhile would miss what is put now.
    mark: dict[str, Any] = {"only_if": (_STATE, old[_STATE])} if old is not None else {"new": True}
    if not after:
        return [Change(key=key, **mark)]
    if sum(len(sort.encode()) + 3 for sort in after) > _FULL:
        raise TooLarge("a table without a sort key holds no more records of one owner", code="list_full")
    return [Change(key=key, item={_LISTED: {"SS": sorted(after)}, _STATE: {"S": _state(after)}}, **mark)]


def _state(sorts: frozenset[str]) -> str:
    """The same for the same list only, so a list that comes back to what it was may be taken for it."""
    return fingerprint(*sorted(sorts)).hex()


def _hashed(key: Key) -> Key:
    return Key(fingerprint("item", key.partition, key.sort).hex(), "")


def _list_of(key: Key) -> Key:
    return _list_key(key.partition, sha256(key.sort.encode()).digest()[0] % _LISTS)


def _list_key(partition: str, number: int) -> Key:
    return Key(fingerprint("list", partition, str(number)).hex(), "")


def _listed(item: Item) -> frozenset[str]:
    return frozenset(item[_LISTED]["SS"])
