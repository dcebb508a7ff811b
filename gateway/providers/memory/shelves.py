"""What the memory provider holds: tenants, in them scopes, in each its records in order.

Synchronous and without a clock: the time is always given. Never looks at filters or ranks anything.
"""

import copy
import heapq
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeAlias

import msgspec

from gateway.domain.ports import Order, Position
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.exact import Matrix, dimension_of, stacked

Place: TypeAlias = tuple[datetime, str]


def lives(record: Record, now: datetime) -> bool:
    return record.expires_at is None or record.expires_at > now


class Shelf:
    """One scope's records. `order` is sorted by (created_at, id) for each kind."""

    __slots__ = ("_matrices", "order", "records", "revision", "terms")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.order: dict[Kind, list[Place]] = {}
        self.terms: dict[str, Counter[str]] = {}
        self.revision = 0
        self._matrices: dict[tuple[Kind, int], tuple[list[Record], Matrix]] = {}

    def changed(self, revision: int) -> None:
        self.revision = revision
        self._matrices.clear()

    def run(self, kind: Kind, order: Order, after: Position | None) -> Iterator[tuple[Place, "Shelf"]]:
        """The places of one kind from a position on. What is written later does not enter."""
        places = self.order[kind]
        if order is Order.NEWEST:
            end = len(places) if after is None else bisect_left(places, (after.created_at, after.id))
            return ((place, self) for place in reversed(places[:end]))
        start = 0 if after is None else bisect_right(places, (after.created_at, after.id))
        return ((place, self) for place in islice(places[:], start, None))

    def matrix(self, kind: Kind, dimension: int) -> tuple[Sequence[Record], Matrix]:
        """The records of one kind whose vectors have this length, oldest first, and their vectors."""
        known = self._matrices.get((kind, dimension))
        if known is None:
            records = [self.records[id_] for _, id_ in self.order[kind]]
            pairs = [(each, each.vector) for each in records if each.vector and dimension_of(each.vector) == dimension]
            known = ([record for record, _ in pairs], stacked([vector for _, vector in pairs], dimension))
            self._matrices[kind, dimension] = known
        return known


class Shelves:
    """An id is held once per tenant. A scope that holds nothing leaves no trace."""

    def __init__(self) -> None:
        self._tenants: dict[str, dict[Scope, Shelf]] = {}
        self._owners: dict[tuple[str, str], Scope] = {}
        self._expiring: list[tuple[datetime, str, str]] = []  # a heap; entries may be out of date
        self._revision = 0
        self.census: dict[Kind, list[int]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def new(self, records: Sequence[Record]) -> int:
        """How many of them are not here under their ids."""
        return len({(each.scope.tenant, each.id) for each in records} - self._owners.keys())

    def put(self, record: Record, now: datetime, terms: Counter[str]) -> bool:
        tenant, scope = record.scope.tenant, record.scope
        owner = self._owners.get((tenant, record.id))
        if owner is not None:
            old = self._tenants[tenant][owner].records[record.id]
            if lives(old, now) and (owner != scope or record.version <= old.version):
                return False
            self.remove(tenant, record.id)
        # The caller may go on changing its metadata; what is kept may not change with it.
        kept = msgspec.structs.replace(record, metadata=copy.deepcopy(record.metadata)) if record.metadata else record
        shelf = self._tenants.setdefault(tenant, {}).setdefault(scope, Shelf())
        shelf.records[kept.id] = kept
        shelf.terms[kept.id] = terms
        insort(shelf.order.setdefault(kept.kind, []), (kept.created_at, kept.id))
        self._owners[tenant, kept.id] = scope
        if kept.expires_at is not None:
            heapq.heappush(self._expiring, (kept.expires_at, tenant, kept.id))
        self._changed(shelf, kept, 1)
        return True

    def find(self, reach: Reach, id_: str, now: datetime) -> Record | None:
        scope = self._owners.get((reach.tenant, id_))
        if scope is None or not reach.covers(scope):
            return None
        record = self._tenants[reach.tenant][scope].records[id_]
        return record if lives(record, now) else None

    def remove(self, tenant: str, id_: str) -> None:
        scope = self._owners.pop((tenant, id_))
        scopes = self._tenants[tenant]
        shelf = scopes[scope]
        record = shelf.records.pop(id_)
        del shelf.terms[id_]
        order = shelf.order[record.kind]
        del order[bisect_left(order, (record.created_at, id_))]
        if not order:
            del shelf.order[record.kind]
        self._changed(shelf, record, -1)
        if not shelf.records:
            del scopes[scope]
            if not scopes:
                del self._tenants[tenant]

    def sweep(self, now: datetime, limit: int) -> int:
        removed = 0
        while self._expiring and self._expiring[0][0] <= now and removed < limit:
            _, tenant, id_ = heapq.heappop(self._expiring)
            scope = self._owners.get((tenant, id_))
            if scope is not None and not lives(self._tenants[tenant][scope].records[id_], now):
                self.remove(tenant, id_)
                removed += 1
        return removed

    def covered(self, reach: Reach) -> list[Shelf]:
        scopes = self._tenants.get(reach.tenant, {})
        exact = reach.exact()
        if exact is not None:
            return [scopes[exact]] if exact in scopes else []
        return [shelf for scope, shelf in scopes.items() if reach.covers(scope)]

    def clear(self) -> None:
        self._tenants.clear()
        self._owners.clear()
        self._expiring.clear()
        self.census.clear()

    def _changed(self, shelf: Shelf, record: Record, by: int) -> None:
        self._revision += 1
        shelf.changed(self._revision)
        counted = self.census.setdefault(record.kind, [0, 0])
        counted[0] += by
        counted[1] += by * record.size()
