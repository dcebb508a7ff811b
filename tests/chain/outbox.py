"""An outbox in memory that keeps its word, and whatever it may do besides: any order, twice, side by side."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.chain.delivering import deliver
from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider


class MemoryOutbox(Outbox):
    """`held` are those that must not be delivered yet, `due` those that may. What was delivered may come again."""

    def __init__(self, providers: Mapping[str, Provider], seed: int = 0) -> None:
        self.providers = dict(providers)
        self.due: list[Intent] = []
        self.held: list[Intent] = []
        self.done: list[Intent] = []
        self.away = False
        self.hasty = False  # delivers once, whenever it likes: also before the change is made, which it must not
        self.forgetful = False  # does not remember deletions, which it must
        self._gone: dict[tuple[str, str], datetime] = {}
        self._random = random.Random(seed)

    async def intend(self, intents: Sequence[Intent]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("the outbox is away")
        for intent in intents:
            for id_ in intent.ids if intent.gone is not None else ():
                place = (intent.reach.tenant, id_)
                self._gone[place] = max(self._gone.get(place, intent.gone), intent.gone)  # type: ignore[type-var]
        (self.due if self.hasty else self.held).extend(intents)

    def settled(self, intents: Sequence[Intent], *, again: bool = False) -> None:
        for intent in () if self.hasty else intents:
            self.due.append(intent)
            if not again and intent in self.held:
                self.held.remove(intent)

    async def gone(self, tenant: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        await asyncio.sleep(0)
        known = {id_: self._gone.get((tenant, id_)) for id_ in ids}
        return {id_: at for id_, at in known.items() if at is not None and not self.forgetful}

    def elapse(self) -> None:
        """The time for which intents are held is over."""
        self.due += self.held
        self.held = []

    async def deliver_some(self, number: int, *, repeats: int = 0) -> None:
        """Any of those due, side by side, and some that were delivered before once more. What fails stays due."""
        self._random.shuffle(self.due)
        chosen, self.due = self.due[:number], self.due[number:]
        again = self._random.choices(self.done, k=repeats) if self.done else []
        await asyncio.gather(*(self._deliver(each) for each in [*chosen, *again]))

    async def deliver_all(self, *, repeats: int = 0) -> None:
        """Until nothing is owed. Everybody must be well."""
        self.elapse()
        for _ in range(100):
            if not self.due:
                return
            await self.deliver_some(8, repeats=repeats)
        raise AssertionError("deliveries do not end")

    async def _deliver(self, intent: Intent) -> None:
        try:
            await deliver(intent, self.providers[intent.source], self.providers[intent.target], self)
        except GatewayError:
            self.due.append(intent)
        else:
            self.done.append(intent)
