"""A backend that learns as an operator might write it: of what a user says it keeps, changes, removes or knows already."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from gateway.domain.ports import Capabilities, Learned
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach
from tests.providers.custom.own import Own

_LIVES: Final = "lives in "


class Learning(Own):
    """Knows where somebody lives, in one memory: `I live in Oslo`, `I moved to Bergen`, `Forget where I live`."""

    type_name: ClassVar[str] = "learning"

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        del options
        return Capabilities(kinds=KINDS_OF[Family.MEMORY], extracts=True)

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        return [learned for record in records for learned in await self._learn(record)]

    async def _learn(self, said: Record) -> list[Learned]:
        reach = Reach.only(said.scope)
        known = next(
            (each for each in self._kept.values() if reach.covers(each.scope) and each.kind is Kind.MEMORY), None
        )
        if said.text == "Forget where I live":
            if known is None:
                return []
            await self.delete(reach, [known.id])
            return [Learned(id=known.id, text=known.text, event="DELETE")]
        text = _LIVES + said.text.split()[-1]
        if known is None:
            await self.put([msgspec.structs.replace(said, text=text, body=None)])
            return [Learned(id=said.id, text=text, event="ADD")]
        if known.text == text:
            return [Learned(id=known.id, text=text, event="NONE")]
        newer = msgspec.structs.replace(known, text=text, updated_at=said.updated_at, version=known.version + 1)
        await self.put([newer])
        return [Learned(id=known.id, text=text, event="UPDATE")]
