"""What each tenant of a configuration uses, as declarations that can be opened. Opens none."""

from collections.abc import Mapping

from gateway.config.compiled import Config, TenantConfig
from gateway.config.sameness import Needed, Sort, dimensions, needed_by, strategies_of
from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.runtime.use import Use

Uses = Mapping[tuple[Sort, str], Use]


class UsesOf:
    """What each tenant of a config uses. Tenants that use the same declaration share one Use."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._sizes = dimensions(config)
        self._strategies = strategies_of(config)
        self._made: dict[tuple[Sort, str, int | None], Use] = {}

    def __call__(self, tenant: TenantConfig) -> Uses:
        return {
            place: self._use(each)
            for place, each in needed_by(self._config, tenant, self._sizes, self._strategies).items()
        }

    def _use(self, needed: Needed) -> Use:
        declared = needed.declared
        place = (needed.sort, declared.key, needed.dimension)
        found = self._made.get(place)
        if found is None:
            kit = Kit(name=declared.key, clock=self._clock, home=self._config.home, dimension=needed.dimension)
            found = self._made[place] = Use(declared, kit)
        return found
