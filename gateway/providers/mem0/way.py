"""What the two ways to mem0 (hosted, in this process) must both be able to do. Neither judges scopes, expiry or versions."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from gateway.domain.ports import Learned
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.mem0.kept import Kept, Write


class Way(Protocol):
    async def open(self, stack: AsyncExitStack) -> None: ...

    async def find(self, tenant: str, ids: Sequence[str]) -> Sequence[Kept]:
        """What may be the records of a tenant with these ids, in any of its scopes; others may be among them."""
        ...

    async def listed(self, reach: Reach, kind: Kind) -> Sequence[Kept]:
        """All memories of a reach, in no order; others may be among them."""
        ...

    async def mortal(self) -> Sequence[Kept]:
        """Everything of everybody that has an expiry."""
        ...

    async def write(self, writes: Sequence[Write]) -> None: ...

    async def remove(self, places: Sequence[str]) -> None:
        """One by one; what is not there is no error."""
        ...

    async def search(self, reach: Reach, question: str, limit: int) -> Sequence[tuple[Kept, float]]:
        """mem0's own search among the memories of a reach, best first."""
        ...

    async def learn(self, messages: Sequence[dict[str, str]], template: Record, *, wait: bool) -> Sequence[Learned]:
        """mem0's own extraction. What it learns belongs to the template's scope and has its metadata."""
        ...

    async def ping(self) -> None: ...
