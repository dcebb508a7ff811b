"""Two configs to a Plan: as if the new one took the place of the old one, in the same folder of the same server."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.config.comparing.instances import actions
from gateway.config.comparing.issuers import issuer_settings, issuers_weaker
from gateway.config.comparing.keys import key_changes, paired
from gateway.config.comparing.losing import instances_lose, route_loses
from gateway.config.comparing.plan import Change, Detail, Plan, Subject, Warned
from gateway.config.comparing.settings import Setting, gateway_settings, route_settings
from gateway.config.comparing.weakening import gateway_weaker, key_weaker, route_weaker, tenant_weaker
from gateway.config.compiled import Config, RouteConfig, TenantConfig
from gateway.config.showing import HIDDEN, Showing, brief, plain

RESTART: Final[frozenset[str]] = frozenset({"jobs"})  # gateway settings that a running server cannot take over


class Compared:
    """One comparison: `old` and `new` configs with what may be shown of each."""

    def __init__(self, old: Config, new: Config, shown: tuple[Showing, Showing], restart: frozenset[str]) -> None:
        self._old, self._new, self._shown, self._restart = old, new, shown, restart
        self._warnings: list[Warned] = []

    def plan(self) -> Plan:
        steps = actions(self._old, self._new, self._new.home, self._shown)
        changes = [*self._gateway(), *self._tenants()]
        self._warnings += instances_lose(steps, self._old, self._new, self._shown[0])
        return Plan(changes=tuple(changes), actions=steps, warnings=tuple(self._warnings))

    def _gateway(self) -> Iterator[Change]:
        details = self._details(
            gateway_settings(self._old, self._shown[0]), gateway_settings(self._new, self._shown[1])
        )
        details += self._issuers()
        self._warnings += gateway_weaker(self._old, self._new)
        self._warnings += issuers_weaker(self._old.issuers, self._new.issuers)
        for each in details:
            if each.path in self._restart:
                message = f"{each.path} holds after a restart only"
                self._warnings.append(Warned(danger="restart", subject="gateway", name="", message=message))
        if details:
            yield Change(sign="change", subject="gateway", name="", details=tuple(details))

    def _issuers(self) -> list[Detail]:
        """Those that are in both by what differs; the others by their name."""
        old, new = (
            issuer_settings(each, shown) for each, shown in zip((self._old, self._new), self._shown, strict=True)
        )
        nothing = {path: Setting(path=path, value=None) for path in (*old, *new)}
        return self._details({**nothing, **old}, {**nothing, **new})

    def _tenants(self) -> Iterator[Change]:
        old, new = self._old.tenants, self._new.tenants
        for name in sorted(old.keys() | new.keys()):
            before, after = old.get(name), new.get(name)
            yield from self._tenant(name, before, after)
            yield from key_changes(before, after, self._shown)
            yield from self._routes(before, after)

    def _tenant(self, name: str, before: TenantConfig | None, after: TenantConfig | None) -> Iterator[Change]:
        if before is None and after is not None:
            yield Change(sign="add", subject="tenant", name=name, mark=after.mark)
        elif after is None and before is not None:
            yield Change(sign="remove", subject="tenant", name=name, mark=before.mark)
            message = "its records stay where they are, and nobody reaches them"
            self._warnings.append(Warned(danger="data", subject="tenant", name=name, message=message, mark=before.mark))
        elif before is not None and after is not None:
            self._warnings += tenant_weaker(before, after)
            for one, other in paired(before.auth.api_keys, after.auth.api_keys):
                if one is not None and other is not None:
                    self._warnings += key_weaker(after, one, other)
            if details := tuple(_auth_details(before, after)):
                yield Change(sign="change", subject="tenant", name=name, details=details, mark=after.mark)

    def _routes(self, before: TenantConfig | None, after: TenantConfig | None) -> Iterator[Change]:
        old, new = _by_name(before), _by_name(after)
        for name in sorted(old.keys() | new.keys()):
            one, other = old.get(name), new.get(name)
            if one is None and other is not None:
                yield _route("add", other)
            elif other is None and one is not None:
                yield _route("remove", one)
            elif one is not None and other is not None:
                self._warnings += route_weaker(one, other)
                self._warnings += route_loses(one, other, (self._old, self._new))
                if details := self._details(route_settings(one), route_settings(other)):
                    yield _route("change", other, *details)

    def _details(self, old: Mapping[str, Setting], new: Mapping[str, Setting]) -> list[Detail]:
        found: list[Detail] = []
        for path, after in new.items():
            before = old[path]
            if before.value == after.value:
                continue
            texts = [self._text(side, each) for side, each in enumerate((before, after))]
            if texts[0] == texts[1]:
                texts = [HIDDEN, HIDDEN]
            found.append(Detail(path=path, old=texts[0], new=texts[1], old_at=before.mark, new_at=after.mark))
        return found

    def _text(self, side: int, setting: Setting) -> str:
        # A route's own facts carry the route's place, where no value stands; a resolved name is shown as resolved.
        whole = setting.path in ("default", "match", "priority", "kinds", "chain", "scope", "retrieval.strategy")
        value: Any = self._shown[side].value(setting.value, None if whole else setting.mark)
        return brief(value)


def compare(old: Config, new: Config, shown: tuple[Showing, Showing], restart: frozenset[str] = RESTART) -> Plan:
    """What would change. Both are valid configs; a tenant that was left out as broken counts as not there."""
    return Compared(old, new, shown, restart).plan()


def _auth_details(before: TenantConfig, after: TenantConfig) -> Iterator[Detail]:
    for name in ("mode", "issuers"):
        was, now = getattr(before.auth, name), getattr(after.auth, name)
        if was != now:
            marks = {"old_at": before.mark, "new_at": after.mark}
            yield Detail(path=f"auth.{name}", old=brief(plain(was)), new=brief(plain(now)), **marks)


def _by_name(tenant: TenantConfig | None) -> dict[str, RouteConfig]:
    return {route.name: route for route in tenant.routes} if tenant else {}


def _route(sign: Any, route: RouteConfig, *details: Detail) -> Change:
    subject: Subject = "route"
    return Change(sign=sign, subject=subject, name=f"{route.tenant}/{route.name}", details=details, mark=route.mark)
