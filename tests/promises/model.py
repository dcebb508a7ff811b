"""What each owner must have, kept beside the gateway: the truth that its replies are held against."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.promises.tenancy import Owner, covers


class Held(msgspec.Struct):
    """One memory as it must be now."""

    id: str
    owner: Owner
    content: str
    n: int
    version: int = 1
    reborn: bool = False  # under the id of one that was deleted


class Model:
    """Every memory of every tenant. One instance is shared by all who drive one gateway."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Held]] = {}
        self.owners: dict[str, list[Owner]] = {}  # of every id ever given out, events and deleted ones included
        self.ever: set[str] = set()  # ids of all memories, deleted ones included
        self.canaries: dict[str, Owner] = {}
        self.keyed: dict[tuple[str, str, str], tuple[str, Owner, str]] = {}  # (tenant, key, Idempotency-Key): id, ...

    def keep(self, held: Held) -> None:
        self._held.setdefault(held.owner.tenant, {})[held.id] = held
        self.ever.add(held.id)

    def drop(self, held: Held) -> None:
        del self._held[held.owner.tenant][held.id]

    def within(self, asked: Owner) -> dict[str, Held]:
        return {id_: held for id_, held in self._held.get(asked.tenant, {}).items() if covers(asked, held.owner)}

    def find(self, tenant: str, id_: str) -> Held | None:
        return self._held.get(tenant, {}).get(id_)

    def ids(self, tenant: str) -> list[str]:
        return list(self._held.get(tenant, {}))

    def count(self) -> int:
        return sum(map(len, self._held.values()))

    def tenants(self) -> Iterator[str]:
        yield from self._held


def user_of(owner: Owner) -> dict[str, Any]:
    """The owner as a request names it."""
    parts = {"user_id": owner.user, "agent_id": owner.agent, "run_id": owner.run}
    return {"route": owner.space, **{name: value for name, value in parts.items() if value}}
