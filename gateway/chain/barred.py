"""The innermost link before every backend: what an erasure has ended is not written any more, however late it comes.

Looked up before a write and after it, so that a write and an erasure that cross each other leave nothing behind: either
the erasure finds what was written, or the writer takes it back. Knows neither routes nor where fences are kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from gateway.chain.through import VERBS
from gateway.domain.erasure import BEGAN, KEYED, Fence, Fences, fences_of
from gateway.domain.errors import Conflict, Forbidden
from gateway.domain.ports import Extracts, Learned, Provider, Replaces
from gateway.domain.record import Record
from gateway.domain.scope import Reach


class Barred:
    """Has the verbs of what it wraps, and costs nothing but for the verbs that write.

    With `silent`, what has ended is left out: of what is delivered in the background, the rest counts. Otherwise the
    whole write is refused, with Conflict, or Forbidden where this person is not to be known any more.
    """

    def __init__(self, inner: Provider, fences: Fences, *, silent: bool = False) -> None:
        self._inner = inner
        self._fences = fences
        self._silent = silent
        for verb in VERBS:
            if verb not in ("put", "replace", "extract") and hasattr(inner, verb):
                setattr(self, verb, getattr(inner, verb))

    @property
    def provider(self) -> Provider:
        return cast("Provider", self)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        ended = await self._ended(records)
        if not ended:
            return await self._written(records, (), self._inner.put)
        wanted = [each for each in records if each.id not in ended]
        told = await self._written(wanted, (), self._inner.put) if wanted else ()
        stored = dict(zip((each.id for each in wanted), told, strict=True))
        return [stored.get(each.id, False) for each in records]

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        if await self._ended([*records, *beside]):
            return [False] * len(records)
        replaces = cast("Replaces", self._inner)
        return await self._written(records, beside, lambda those: replaces.replace(those, beside))

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        if await self._ended(records):
            return []
        era = self._fences.era
        learned = await cast("Extracts", self._inner).extract(records, wait=wait)
        if era != self._fences.era and records and any(map(self._has_ended, records)):
            made = [each.id for each in learned if each.event in ("ADD", "UPDATE")]
            await self._inner.delete(Reach.only(records[0].scope), made)
            self._refuse([fence for each in records for fence in self._fences_of(each)])
        return learned

    async def _written(
        self,
        records: Sequence[Record],
        beside: Sequence[Record],
        write: Callable[[Sequence[Record]], Awaitable[Sequence[bool]]],
    ) -> Sequence[bool]:
        era = self._fences.era
        stored = await write(records)
        if era == self._fences.era:
            return stored
        late = [each for each in (*records, *beside) if self._has_ended(each)]
        for each in late:
            await self._inner.delete(Reach.only(each.scope), [each.id])
        if late:
            self._refuse([fence for each in late for fence in self._fences_of(each)])
        gone = {each.id for each in late}
        return [new and each.id not in gone for each, new in zip(records, stored, strict=True)]

    async def _ended(self, records: Sequence[Record]) -> set[str]:
        """The ids that must not be written; raises instead, unless it is to be silent."""
        fenced = [each for each in records if self._fences_of(each)]
        if not fenced:
            return set()
        ended = {each.id for each in fenced if self._has_ended(each)}
        keyed = [each for each in fenced if each.kind in KEYED and each.provenance.fingerprint and each.id not in ended]
        if keyed:
            ended |= await self._fences.spent(keyed[0].scope.tenant, [each.id for each in keyed])
        if ended:
            self._refuse([fence for each in fenced if each.id in ended for fence in self._fences_of(each)])
        return ended

    def _has_ended(self, record: Record) -> bool:
        began = BEGAN.get()
        return any(
            fence.closed or fence.refuse or (record.updated_at <= fence.at if began is None else began < fence.era)
            for fence in self._fences_of(record)
        )

    def _fences_of(self, record: Record) -> Sequence[Fence]:
        return fences_of(self._fences, record)

    def _refuse(self, fences: Sequence[Fence]) -> None:
        if self._silent:
            return
        if any(each.refuse for each in fences):
            raise Forbidden("nothing is kept of this user any more", code="subject_refused")
        closed = any(each.closed for each in fences)
        raise Conflict(
            "this user's records were erased while this was under way, or are being erased now",
            code="subject_erased",
            headers={"Retry-After": "1"} if closed else None,
        )


def barred(inner: Provider, fences: Fences | None, *, silent: bool = False) -> Provider:
    return inner if fences is None else Barred(inner, fences, silent=silent).provider
