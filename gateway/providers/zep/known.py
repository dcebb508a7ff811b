"""Which scope an id was last met in by this process, so that an id is not given to two scopes. Bounded; forgets the oldest."""

from collections import OrderedDict
from typing import Final

from gateway.domain.record import Record
from gateway.domain.scope import Scope

_HELD: Final = 100_000


class Known:
    def __init__(self) -> None:
        self._scopes: OrderedDict[tuple[str, str], Scope] = OrderedDict()

    def note(self, record: Record) -> None:
        key = (record.scope.tenant, record.id)
        self._scopes[key] = record.scope
        self._scopes.move_to_end(key)
        if len(self._scopes) > _HELD:
            self._scopes.popitem(last=False)

    def elsewhere(self, record: Record) -> Scope | None:
        """Another scope that has, or had, a record of this id."""
        scope = self._scopes.get((record.scope.tenant, record.id))
        return scope if scope is not None and scope != record.scope else None
