"""Whose memories there are: every user, agent and run that has any, as far as the caller may name them.

It reads the memories themselves, newest first and up to a bound, and says when there were more.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Record
from gateway.domain.scope import PARTS
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.memories.reading import MEMORIES
from gateway.services.walking import walk

MOST: Final = 20_000  # memories that are looked at


class Asked(Scoped, frozen=True, kw_only=True):
    """`labels` are keys of the metadata whose texts are listed beside the parts."""

    labels: list[str] = []


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    kind: str  # user, agent, run, or the label
    name: str
    memories: int
    created_at: datetime  # of the oldest
    updated_at: datetime  # the latest change


class Owners(msgspec.Struct, frozen=True, kw_only=True):
    owners: list[Owner]
    complete: bool


async def owners(call: Call, request: Asked) -> Owners:
    """By kind and name."""
    found: dict[tuple[str, str], Owner] = {}
    looked, complete = 0, True
    async for record in walk(call.route.provider, call.reach, Where(MEMORIES), bodies=False):
        if looked == MOST:
            complete = False
            break
        looked += 1
        for kind, name in _named(record, request.labels):
            found[kind, name] = _counted(found.get((kind, name)), kind, name, record)
    return Owners(owners=[found[key] for key in sorted(found)], complete=complete)


def _named(record: Record, labels: list[str]) -> list[tuple[str, str]]:
    parts: list[tuple[str, Any]] = [(part, getattr(record.scope, part)) for part in PARTS]
    texts: list[tuple[str, Any]] = [(label, record.metadata.get(label)) for label in labels]
    return [(kind, name) for kind, name in (*parts, *texts) if name and isinstance(name, str)]


def _counted(before: Owner | None, kind: str, name: str, record: Record) -> Owner:
    return Owner(
        kind=kind,
        name=name,
        memories=1 + (before.memories if before else 0),
        created_at=min(record.created_at, before.created_at) if before else record.created_at,
        updated_at=max(record.updated_at, before.updated_at) if before else record.updated_at,
    )


OWNERS: Operation[Asked, Owners] = Operation(
    name="memory.owners", op="list", family=Family.MEMORY, role=Role.READER, run=owners, across="all",
    empty=lambda _call, _request: Owners(owners=[], complete=True),
)  # fmt: skip
