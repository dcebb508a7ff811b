"""A route with everything it needs to serve already decided: the unit that a request is given.

Built once per Snapshot. Services read it and never look anything up by name.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.config.compiled import RouteConfig
from gateway.domain.errors import GatewayError, Invalid
from gateway.domain.ids import Mint
from gateway.domain.ports import Capabilities, Embedder, Provider
from gateway.domain.scope import Scope
from gateway.retrieval.recall import Recaller
from gateway.retrieval.strategy import Strategy
from gateway.runtime.hooked import Hooks
from gateway.runtime.identity import IdentityReader
from gateway.runtime.meters import Meter
from gateway.summarizers.talk import Summarizer
from gateway.upstreams.carried import Upstream


def _uncounted(_what: str, _times: int) -> None: ...


def _unheard(_scope: Scope) -> None: ...


TokenCounter = Callable[[str], int]
MetadataCheck = Callable[[Any], None]


def _first_era() -> int:
    return 0


class BoundRoute(msgspec.Struct, frozen=True, kw_only=True):
    config: RouteConfig
    identity: IdentityReader
    provider: Provider  # the head of the chain
    provider_name: str
    capabilities: Capabilities
    embedder: Embedder | None
    recaller: Recaller
    strategies: Mapping[str, Strategy]  # by the names a request may use
    default_strategy: Strategy
    check_metadata: MetadataCheck
    count_tokens: TokenCounter
    cursor_key: bytes
    mint: Mint
    meter: Callable[[str], Meter]
    hooks: Hooks = {}  # empty where nothing is to be asked
    fault: Callable[[str], None]  # counts something that went wrong and was lived with
    era: Callable[[], int] = _first_era  # grows with each erasure: a request belongs to the one it was let in
    archive: Provider | None = None  # what gets records before they are removed
    upstream: Upstream | None = None  # the language model that the route leads to
    summarizer: Summarizer | None = None  # of routes that hold messages
    kept: Callable[[str, int], None] = _uncounted  # counts what retention did with so many records
    overflowing: Callable[[Scope], None] = _unheard  # told of a session that may hold too much

    @property
    def tenant(self) -> str:
        return self.config.tenant

    @property
    def name(self) -> str:
        return self.config.name

    def strategy(self, name: str | None) -> Strategy:
        """The declared strategy, or another one by its name."""
        if not name:
            return self.default_strategy
        found = self.strategies.get(name)
        if found is None:
            known = ", ".join(sorted(self.strategies))
            raise Invalid(f"no strategy {name!r}; known: {known}", code="unknown_strategy", at="strategy")
        return found

    def metered(self, operation: str) -> "Metered":
        """Counts what happens inside, with its time and the code of the error it ends in."""
        return Metered(self.meter(operation))


class Metered:
    """One operation while it is under way."""

    __slots__ = ("_meter", "_started")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        code = "" if error is None else error.code if isinstance(error, GatewayError) else "internal"
        self._meter.observe(time.perf_counter() - self._started, code)
