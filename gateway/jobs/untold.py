"""What hooks still have to tell, among the jobs: listed as they are, tried again and dropped where it is kept."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from gateway.config.compiled import Config
from gateway.domain.errors import Unavailable
from gateway.domain.hooking import Letters, Owing, Waiting
from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.jobs.job import State
from gateway.runtime.background import Listed, Sum, more
from gateway.runtime.instances import Instances

Result = TypeVar("Result")

KIND: Final = "tell"


class Untold:
    """A Shelf of one hook. For threads: blocks."""

    def __init__(self, hook: str, letters: Letters, clock: Clock) -> None:
        self._hook = hook
        self._letters = letters
        self._clock = clock

    def listed(self, *, dead: bool) -> list[Listed]:
        now = self._clock().timestamp()
        return [self._listed(each, now) for each in self._letters.waiting(dead=dead)]

    def retry(self, ids: Sequence[str] | None) -> int:
        return self._letters.again(ids, self._clock().timestamp())

    def drop(self, ids: Sequence[str] | None) -> int:
        return self._letters.drop(ids)

    def _listed(self, each: Waiting, now: float) -> Listed:
        return Listed(
            id=each.id,
            kind=KIND,
            source=self._hook,
            target="",
            records=1,
            attempts=each.attempts,
            age=max(0.0, now - each.kept),
            due=0.0 if each.due is None else each.due - now,
            state=State.DEAD if each.due is None else State.WAITING,
            reason=each.why,
        )


def declared(config: Config, clock: Clock) -> list[tuple[str, Letters]]:
    """Of every hook that a configuration declares and that has ever kept any; not open."""
    made = {
        key: each.plugin(each.options, Kit(name=key, clock=clock, home=config.home))
        for key, each in config.hooks.items()
    }
    return [(key, each.letters) for key, each in made.items() if isinstance(each, Owing) and each.letters.exists()]


class Telling:
    """The hooks of a running gateway, beside its jobs. They tell by themselves: this only says how they stand."""

    def __init__(self, instances: Instances, clock: Clock) -> None:
        self._instances = instances
        self._clock = clock

    async def prepare(self, config: Config) -> None:
        """They are opened with the routes."""

    async def stop(self) -> None:
        """And closed with them."""

    async def unconfirmed(self) -> int:
        return 0

    async def listed(self, *, dead: bool) -> list[Listed]:
        found = [
            await _asked(lambda each=each: Untold(each[0], each[1], self._clock).listed(dead=dead))
            for each in self._kept()
        ]
        return [each for some in found for each in some]

    async def sums(self) -> Mapping[str, Sum]:
        now, sums = self._clock().timestamp(), dict[str, Sum]()
        for _, letters in self._kept():
            for dead, count, oldest in await _asked(letters.counts):
                state = State.DEAD if dead else State.WAITING
                sums[state] = more(sums.get(state), Sum(jobs=count, records=count, oldest=max(0.0, now - oldest)))
        return sums

    def _kept(self) -> list[tuple[str, Letters]]:
        return [(name, hook.letters) for name, hook in self._instances.live() if isinstance(hook, Owing)]


async def _asked(call: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(call)
    except Exception as error:
        raise Unavailable(f"the letters cannot be asked: {type(error).__name__}", code="jobs_unavailable") from error
