"""A declared chain to one provider: the links around the opened instances of its steps, in the one order they have.

From the backend outwards: each step's own time limit; failing over; mirroring; readers; the shadow; the cache. So a
cache never hides a mirror, and a mirror gets what was written wherever that was. Opens nothing.
"""

import random
from collections.abc import Callable, Mapping

import msgspec

from gateway.chain.bare import Bare
from gateway.chain.cached import Cached
from gateway.chain.failover import Failover, Side
from gateway.chain.merged import Merged, Reader
from gateway.chain.mirrored import Mirror, Mirrored
from gateway.chain.shadowed import Comparison, Shadowed
from gateway.chain.timed import timed
from gateway.config.compiled import ChainConfig, Config, StepConfig
from gateway.domain.ids import Clock
from gateway.domain.outbox import Outbox
from gateway.domain.ports import Capabilities, Provider
from gateway.runtime.use import Opened


def _nobody(_link: Cached) -> None:
    """Is told, and does nothing."""


class Told(msgspec.Struct, frozen=True):
    """Who is told what the links do; each gets the provider's key first."""

    moved: Callable[[str], None]  # a side or reader did not answer
    cached: Callable[[str, bool], None]
    compared: Callable[[str, Comparison], None]
    remembering: Callable[[Cached], None] = _nobody  # a link that keeps in memory what it has read


class Times(msgspec.Struct, frozen=True):
    clock: Clock
    later: Clock  # than the times of all records that this process has made


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a route works with. `name` is that of no other chain of instances."""

    provider: Provider
    capabilities: Capabilities
    name: str


def needs_outbox(chain: ChainConfig) -> bool:
    return any(step.role in ("mirror", "failover") for step in chain.steps)


def chained(
    config: Config,
    chain: ChainConfig,
    opened: Mapping[str, Opened],
    outbox: Outbox | None,
    times: Times,
    told: Told,
) -> Head:
    """`opened` by the keys of providers. With mirrors or failovers there must be an outbox."""
    return _Chaining(config, chain, opened, outbox, times, told).head()


class _Chaining:
    def __init__(
        self,
        config: Config,
        chain: ChainConfig,
        opened: Mapping[str, Opened],
        outbox: Outbox | None,
        times: Times,
        told: Told,
    ) -> None:
        self._config = config
        self._chain = chain
        self._opened = opened
        self._outbox = outbox
        self._times = times
        self._told = told

    def head(self) -> Head:
        primary = next(step for step in self._chain.steps if step.provider == self._chain.primary)
        provider = self._followed(primary)
        if readers := [
            Reader(name=each.provider, provider=self._step(each), merge=each.written.merge)
            for each in self._of("reader")
        ]:
            provider = Merged(provider, readers, self._told.moved).provider
        for step in self._of("shadow"):
            provider = self._shadowed(provider, step)
        for step in self._of("cache"):
            provider = self._cached(provider, step)
        name = "+".join(self._opened[step.provider].name for step in self._chain.steps)
        return Head(provider=provider, capabilities=self._capabilities(primary), name=name)

    def _followed(self, primary: StepConfig) -> Provider:
        """The primary with what takes over from it and what follows it."""
        standbys, mirrors = self._of("failover"), self._of("mirror")
        inner = self._step(primary)
        if not (standbys or mirrors):
            return inner
        if self._outbox is None:
            raise RuntimeError("a chain with mirrors needs an outbox")  # the builder's mistake, no configuration's
        if standbys:
            sides = [Side(name=each.provider, provider=self._step(each)) for each in (primary, *standbys)]
            followers = [each.provider for each in (*standbys, *mirrors)]
            inner = Failover(sides, self._outbox, self._times.later, self._told.moved, followers).provider
        follow = [
            Mirror(name=each.provider, provider=self._step(each), ack=each.written.ack)
            for each in (*standbys, *mirrors)
        ]
        return Mirrored(primary.provider, inner, follow, self._outbox, self._times.later).provider

    def _shadowed(self, provider: Provider, step: StepConfig) -> Provider:
        key = step.provider
        return Shadowed(
            provider,
            self._step(step),
            step.written.sample,
            random.random,
            lambda comparison: self._told.compared(key, comparison),
        ).provider

    def _cached(self, provider: Provider, step: StepConfig) -> Provider:
        key, search_ttl = step.provider, step.written.search_ttl
        cached = Cached(
            self._chain.primary,
            provider,
            self._step(step),
            step.written.ttl.seconds,
            self._times.clock,
            search_ttl=search_ttl.seconds if search_ttl else 0.0,
            hit=lambda found: self._told.cached(key, found),
        )
        self._told.remembering(cached)
        return cached.provider

    def _step(self, step: StepConfig) -> Provider:
        opened = self._opened[step.provider]
        provider: Provider = opened.instance
        if step.written.timeout is not None:
            seconds, guard = step.written.timeout.seconds, opened.guard
            provider = timed(provider, step.provider, seconds, guard.late if guard else lambda: None)
        if step.role != "primary" and self._config.providers[step.provider].embedder is None:
            provider = Bare(provider).provider
        return provider

    def _of(self, role: str) -> list[StepConfig]:
        return [step for step in self._chain.steps if step.role == role]

    def _capabilities(self, primary: StepConfig) -> Capabilities:
        """The primary's, without what a step that may answer in its place, or beside it, does not have."""
        own = self._of_step(primary)
        others = [self._of_step(each) for each in self._chain.steps if each.role in ("failover", "reader")]
        if not others:
            return own
        searches = ("nearest", "matching", "relevant", "briefs")
        shared = {name: getattr(own, name) and all(getattr(each, name) for each in others) for name in searches}
        # What one of several says has changed is not what has changed in all of them.
        sides = [own, *(self._of_step(each) for each in self._of("failover"))]
        replaces = all(each.replaces for each in sides)
        return msgspec.structs.replace(own, **shared, replaces=replaces, revised=False, fuses=False)

    def _of_step(self, step: StepConfig) -> Capabilities:
        declared = self._config.providers[step.provider]
        return declared.plugin.capabilities(declared.options)
