"""Providers with one fault each, as subjects: what the clauses must catch. `sound` has none, and must pass."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gateway.domain.filters import Compare, matches
from gateway.domain.ports import Capabilities, Count, Hit, Page, Position, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.memory import Memory
from gateway.providers.sqlite import Sqlite
from gateway.testing.subjects import Place, Subject

replace = msgspec.structs.replace


class Sound(Memory):
    pass


class IgnoresTheReach(Memory):
    """Looks everywhere in the tenant."""

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await super().get(Reach(reach.tenant, None, None, None, None), ids)


class ScansWiderThanTheReach(Memory):
    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await super().scan(replace(reach, agent=None, run=None), scan)


class DeletesOutsideTheReach(Memory):
    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await super().delete(Reach(reach.tenant, None, None, None, None), ids)


class FoldsCase(Memory):
    """Compares ids as LIKE does."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await super().put([replace(each, scope=_lower(each.scope)) for each in records])


class MatchesTenantsByPrefix(Memory):
    async def scan(self, reach: Reach, scan: Scan) -> Page:
        pages: list[Page] = []
        for tenant in list(self._shelves._tenants):  # pyright: ignore[reportPrivateUsage] -- the fault
            if tenant.startswith(reach.tenant):
                pages.append(await super().scan(replace(reach, tenant=tenant), scan))  # noqa: PERF401 -- super() needs the frame
        records = sorted((each for page in pages for each in page.records), key=lambda each: each.created_at)
        return Page(tuple(records[::-1]))


class SkipsOneBetweenPages(Memory):
    async def scan(self, reach: Reach, scan: Scan) -> Page:
        page = await super().scan(reach, scan)
        if page.next is None:
            return page
        following = await super().scan(reach, replace(scan, limit=1, after=page.next))
        last = following.records[-1] if following.records else page.records[-1]
        return Page(page.records, Position(last.created_at, last.id))


class FiltersAfterTheLimit(Memory):
    async def scan(self, reach: Reach, scan: Scan) -> Page:
        page = await super().scan(reach, replace(scan, where=Where(scan.where.kinds)))
        return Page(tuple(each for each in page.records if matches(scan.where.filter, each)))


class StoresOlderVersions(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        for each in records:
            await super().delete(Reach.only(each.scope), [each.id])
        return await super().put(records)


class TakesIdsFromOtherScopes(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        for each in records:
            everywhere = Reach(each.scope.tenant, None, None, None, None)
            (old,) = await super().get(everywhere, [each.id])
            if old is not None and old.version < each.version:
                await super().delete(everywhere, [each.id])
        return await super().put(records)


class SaysStoredAlways(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        await super().put(records)
        return [True] * len(records)


class TurnsScoresRound(Memory):
    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        hits = await super().nearest(reach, vector, where, 1000)
        return [Hit(hit.record, 1 - hit.score) for hit in reversed(hits)][:limit]


class FiltersNearestAfterTheLimit(Memory):
    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        hits = await super().nearest(reach, vector, Where(where.kinds), limit)
        return [hit for hit in hits if matches(where.filter, hit.record)]


class ScoresWithForeignTexts(Memory):
    """Counts words over the whole tenant."""

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        hits = await super().matching(Reach(reach.tenant, None, None, None, None), words, where, 1000)
        return [hit for hit in hits if reach.covers(hit.record.scope)][:limit]


class ReturnsWhatExpired(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await super().put([replace(each, expires_at=None) for each in records])


class RoundsExpiryToSeconds(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        rounded = [
            replace(each, expires_at=each.expires_at.replace(microsecond=0)) if each.expires_at else each
            for each in records
        ]
        return await super().put(rounded)


class CountsWhatItWasAskedToDelete(Memory):
    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        await super().delete(reach, ids)
        return len(ids)


class DeletesOnlyTheFirstFew(Memory):
    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await super().delete(reach, ids[:20])


class NeverRevises(Memory):
    async def revision(self, reach: Reach) -> bytes:
        return b"the same"


class RevisesAtEveryLook(Memory):
    looks = 0

    async def revision(self, reach: Reach) -> bytes:
        self.looks += 1
        return self.looks.to_bytes(8)


class CountsNothing(Memory):
    async def count(self) -> dict[Kind, Count]:
        return {}


class ChangesNumbers(Memory):
    """Keeps metadata as another JSON library might."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        def changed(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: changed(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType] -- JSON
            return float(value) if isinstance(value, int) else value

        return await super().put([replace(each, metadata=changed(each.metadata)) for each in records])


class NormalisesText(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await super().put([replace(each, text=each.text.strip()) for each in records])


class DropsHalfOfABatch(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        await super().put(records[:500])
        return [True] * len(records)


class HoldsTheLoop(Memory):
    async def scan(self, reach: Reach, scan: Scan) -> Page:
        if scan.limit == 1000:
            time.sleep(0.1)  # noqa: ASYNC251 -- the fault
        return await super().scan(reach, scan)


class AcceptsEveryRival(Memory):
    """Looks, waits, and writes: the race that versions are there to decide."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        answers: list[bool] = []
        for each in records:
            (old,) = await super().get(Reach.only(each.scope), [each.id])
            await asyncio.sleep(0)
            answers.append(old is None or old.version < each.version)
            if answers[-1]:
                await super().delete(Reach.only(each.scope), [each.id])
                await super().put([each])
        return answers


class ForgetsWhatIsNotAscii(Memory):
    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await super().put([replace(each, text=each.text.encode("ascii", "ignore").decode()) for each in records])


class ConvertsFilterValues(Memory):
    """Takes true for 1, as JSON functions of databases do."""

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        test = scan.where.filter
        if isinstance(test, Compare) and isinstance(test.value, bool) and test.op != "exists":
            test = replace(test, value=int(test.value))
        return await super().scan(reach, replace(scan, where=Where(scan.where.kinds, test)))


class DeclaresItselfDurable(Memory):
    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        return replace(super().capabilities(options), durable=True)


class AcknowledgesEarly(Sqlite):
    """Says yes, and writes a moment later."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        self.late = asyncio.ensure_future(self._later(records))
        return [True] * len(records)

    async def _later(self, records: Sequence[Record]) -> None:
        await asyncio.sleep(0.02)
        await super().put(records)


class BringsBackWhatWasDeleted(Memory):
    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return (await super().put([*records, *beside]))[: len(records)]


class PutsBesideInAnyCase(Memory):
    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        await super().put(beside)
        return await super().replace(records)


class DeclaresTooMuch(Memory):
    sweep = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] -- the fault


# Each fault, and the theme whose clauses must catch it, or the clause.
FAULTS: dict[type[Memory | Sqlite], str] = {
    IgnoresTheReach: "reading", ScansWiderThanTheReach: "scopes", DeletesOutsideTheReach: "removing",
    FoldsCase: "scopes", MatchesTenantsByPrefix: "scopes", SkipsOneBetweenPages: "paging", FiltersAfterTheLimit: "filters",
    StoresOlderVersions: "writing", TakesIdsFromOtherScopes: "writing", SaysStoredAlways: "writing",
    TurnsScoresRound: "search", FiltersNearestAfterTheLimit: "search", ScoresWithForeignTexts: "search",
    ReturnsWhatExpired: "expiry", RoundsExpiryToSeconds: "expiry", CountsWhatItWasAskedToDelete: "removing",
    DeletesOnlyTheFirstFew: "removing", NeverRevises: "facts", RevisesAtEveryLook: "facts", CountsNothing: "facts",
    ChangesNumbers: "writing", NormalisesText: "writing", DropsHalfOfABatch: "writing", HoldsTheLoop: "concurrency",
    DeclaresTooMuch: "facts", AcceptsEveryRival: "concurrency", ForgetsWhatIsNotAscii: "writing",
    ConvertsFilterValues: "filters", BringsBackWhatWasDeleted: "removing", PutsBesideInAnyCase: "removing",
    DeclaresItselfDurable: "processes",
    AcknowledgesEarly: "processes: what was acknowledged survives a killed process",
}  # fmt: skip


def _lower(scope: Scope) -> Scope:
    return replace(scope, user=scope.user.lower(), agent=scope.agent.lower(), run=scope.run.lower())


def _options(plugin: type[Memory | Sqlite]) -> Callable[[Place], dict[str, Any]]:
    given = {"path": "m.db"} if issubclass(plugin, Sqlite) else {}
    return lambda _: given


def _subject(plugin: type[Memory | Sqlite]) -> Subject:
    name, theme = plugin.__name__, FAULTS.get(plugin, "")
    return Subject(
        name=name,
        plugin=f"tests.conformance.broken:{name}",
        against="stand-in",
        options=_options(plugin),
        themes=frozenset({theme.partition(":")[0]} if theme else ()),  # nobody asks what the others say of it
    )


SUBJECTS = tuple(_subject(each) for each in (Sound, *FAULTS))
