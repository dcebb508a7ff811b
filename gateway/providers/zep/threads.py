"""Which Zep thread is a session's. Zep gives threads no names of ours, so each of our messages says whose it is.

The mapping is therefore in Zep, with the messages: what is remembered here only saves asking. Where two processes open a
session in the same moment it has two threads, and is read as one.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from gateway.domain.errors import Unavailable
from gateway.domain.scope import Scope
from gateway.providers.zep.calls import Calls
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.ledger import Ledger
from gateway.providers.zep.owners import Shelf

_HELD: Final = 50_000


class Threads:
    def __init__(self, calls: Calls, ledger: Ledger, name: str) -> None:
        self._calls = calls
        self._ledger = ledger
        self._name = name
        self._held: OrderedDict[bytes, str] = OrderedDict()

    async def of(self, shelf: Shelf, scope: Scope) -> str | None:
        """The thread, or None where the session has no messages."""
        held = self._held.get(scope.key())
        if held is not None:
            return held
        said = await self._ledger.message(shelf, scope.key())
        return self._remember(scope, said.thread) if said is not None else None

    async def made(self, shelf: Shelf, scope: Scope) -> str:
        thread = await self.of(shelf, scope)
        if thread is not None:
            return thread
        made = await self._calls(lambda zep: zep.thread.create(user_uuid=shelf.uuid))
        if not made.uuid_:
            raise Unavailable(f"{self._name}: Zep answered in a way that is not understood", code="zep_answer")
        return self._remember(scope, made.uuid_)

    def forget(self, scope: Scope) -> None:
        self._held.pop(scope.key(), None)

    async def end(self, scope: Scope, thread: str, removed: Collection[str]) -> None:
        """Delete a thread whose records were all removed, and with it what Zep made of them.

        It stays where its newest message is of another record: somebody has just said something.
        """
        try:
            newest = await self._calls(
                lambda zep: zep.thread.list_messages(thread, page_size=1, order_by="created_at", order="desc")
            )
            if any((message.metadata or {}).get("record") not in removed for message in newest.items or ()):
                return
            self.forget(scope)
            deleted = await self._calls(lambda zep: zep.thread.delete(thread))
        except Gone:
            self.forget(scope)
            return
        try:
            await self._calls.settled([deleted.task])
        except Gone:
            return  # the task went with what it was about

    def _remember(self, scope: Scope, thread: str) -> str:
        self._held[scope.key()] = thread
        self._held.move_to_end(scope.key())
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        return thread
