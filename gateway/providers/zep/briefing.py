"""Zep's own account of an owner: the context block of a session or of a question, and the summary of a session."""

from gateway.domain.ports import Brief
from gateway.domain.scope import Reach
from gateway.providers.zep.calls import Calls
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.ledger import grouped
from gateway.providers.zep.owners import Owners, Shelf, the_owner
from gateway.providers.zep.threads import Threads


class Briefing:
    def __init__(self, calls: Calls, owners: Owners, threads: Threads) -> None:
        self._calls = calls
        self._owners = owners
        self._threads = threads

    async def brief(self, reach: Reach, question: str) -> Brief:
        if the_owner(reach) is None:
            return Brief()  # Zep's words are about one
        shelves = await self._owners.shelves(reach, learned=True, books=False)
        if not shelves:
            return Brief()
        scope = reach.exact()
        thread = await self._threads.of(shelves[0], scope) if scope is not None else None
        if thread is not None and scope is not None:
            try:
                return await self._of_session(thread)
            except Gone:
                self._threads.forget(scope)
        return Brief(context=await self._of_question(shelves[0], reach, question)) if question.strip() else Brief()

    async def _of_session(self, thread: str) -> Brief:
        context = await self._calls(lambda zep: zep.thread.get_context(thread))
        try:
            summary = (await self._calls(lambda zep: zep.thread.get_summary(thread))).summary
        except Gone:
            summary = None  # not summarized yet
        return Brief(context=context.context or "", summary=summary or "")

    async def _of_question(self, shelf: Shelf, reach: Reach, question: str) -> str:
        from zep_cloud import SearchFilters

        scope = reach.exact()
        tests = [("scope", "eq", scope.key().hex())] if scope is not None else []
        filters = SearchFilters(metadata_filters=grouped(tests) if tests else None)
        try:
            given = await self._calls(lambda zep: zep.graph.get_context(shelf.uuid, query=question, filters=filters))
        except Gone:
            self._owners.forget(shelf)
            return ""
        return given.context or ""
