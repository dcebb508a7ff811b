"""One case of a config test, played: the request takes the way that every request takes, on an empty Snapshot.

Says what came of it beside what was expected. Nothing here knows files or places.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.config.cases.model import Case, Given
from gateway.config.comparing.settings import route_settings
from gateway.config.compiled import Config, RouteConfig, TenantConfig
from gateway.config.located import Where
from gateway.config.showing import Showing, brief, plain
from gateway.domain.errors import GatewayError, Unauthenticated
from gateway.domain.ports import Scan
from gateway.domain.ports import Where as Those
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family, Kind
from gateway.runtime.callers import credential_of, name_of_key
from gateway.runtime.facts import Facts
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.stage import HeldClock, Stage
from gateway.services.call import Call, Operation, admit, perform
from gateway.services.memories.adding import ADD, Add
from gateway.services.memories.searching import SEARCH, Search

NOW: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
ROLE_OF: Final = {
    "add": Role.WRITER, "update": Role.WRITER, "delete": Role.ERASER,
    "get": Role.READER, "list": Role.READER, "search": Role.READER,
}  # fmt: skip
_ONE_RUN: Final = frozenset({"add", "get", "update", "delete"})


class Miss(msgspec.Struct, frozen=True):
    """One expectation that was not met; `where` leads to it inside the case."""

    where: Where
    expected: str
    actual: str


class Played(msgspec.Struct, frozen=True, kw_only=True):
    route: str  # "" where none was reached
    misses: tuple[Miss, ...]


class _Came(msgspec.Struct):
    """What came of a request."""

    call: Call | None = None
    error: GatewayError | None = None
    found: list[str] = []
    stored: list[str] = []


async def play(stage: Stage, config: Config, shown: Showing, tenant: str, case: Case) -> Played:
    """`config` is what the stage was made of; `shown` says which of its values may be told."""
    clock = HeldClock(NOW)
    async with stage.snapshot(tenant, clock) as snapshot:
        came = _Came()
        try:
            principal = caller(config.tenants[tenant], case, clock())
            await _store(snapshot, clock, tenant, case)
            await _ask(snapshot, principal, case, came)
        except GatewayError as error:
            came.error = error
        if came.call is not None and case.expect.stored is not None:
            came.stored = await _stored(came.call)
        route = came.call.route.name if came.call else ""
        return Played(route=route, misses=tuple(_misses(config, shown, case, came)))


def caller(tenant: TenantConfig, case: Case, now: datetime) -> Principal:
    """Who calls. A key that has expired is refused as the gate refuses it."""
    wanted = case.caller
    for key in tenant.auth.api_keys if wanted.key else ():
        if name_of_key(key) == wanted.key:
            known = credential_of(tenant.name, key)
            if not known.holds(now):
                raise Unauthenticated("this API key is not known here")
            return known.principal
    if wanted.key:
        raise Unauthenticated("this API key is not known here")
    roles = frozenset(Role) if wanted.roles is None else frozenset(wanted.roles)
    return Principal(id="case", tenant=tenant.name, roles=roles, user=wanted.user or "", claims=wanted.claims)


async def _store(snapshot: Snapshot, clock: HeldClock, tenant: str, case: Case) -> None:
    """Stores what is given, the oldest first, by a caller who may do everything."""
    given = [each if isinstance(each, Given) else Given(content=each) for each in case.given]
    anyone = Principal(id="given", tenant=tenant, roles=frozenset(Role), claims=case.caller.claims)
    for each in sorted(given, key=lambda one: -one.age.seconds if one.age else 0.0):
        clock.at = NOW - each.age.delta() if each.age else NOW
        request = Add(content=msgspec.Raw(msgspec.json.encode(each.content)), metadata=each.metadata)
        facts = _facts(case, "add", Family.MEMORY)
        instead = {"user": each.user, "agent": each.agent, "run": each.run}
        own = msgspec.structs.replace(facts, **{name: part for name, part in instead.items() if part is not None})
        await perform(snapshot, anyone, ADD, own, request)
    clock.at = NOW


async def _ask(snapshot: Snapshot, principal: Principal, case: Case, came: _Came) -> None:
    if case.add is not None:
        facts = _facts(case, "add", Family.MEMORY)
        came.call = admit(snapshot, principal, ADD, facts)
        content = msgspec.Raw(msgspec.json.encode(case.add.content))
        ttl = case.add.ttl.seconds if case.add.ttl else None
        request = Add(content=content, metadata=case.add.metadata, role=case.add.role, ttl_seconds=ttl)
        await perform(snapshot, principal, ADD, facts, request)
        return
    if case.search is not None:
        facts = _facts(case, "search", Family.MEMORY)
        came.call = admit(snapshot, principal, SEARCH, facts)
        wanted = {name: getattr(case.search, name) for name in case.search.__struct_fields__}
        results = (await perform(snapshot, principal, SEARCH, facts, Search(**wanted))).reply
        came.found = [_text(each.content) for each in results.results]
        return
    op, family = case.request.op or "search", case.request.kind
    one_run = family is not Family.MEMORY and op in _ONE_RUN
    asked: Operation[Any, Any] = Operation(
        name="case", op=op, family=family, role=ROLE_OF[op], run=_nothing, one_run=one_run
    )
    came.call = admit(snapshot, principal, asked, _facts(case, op, family))


async def _nothing(_call: Call, _request: Any) -> None:
    return


def _facts(case: Case, op: str, family: Family) -> Facts:
    asked = case.request
    headers = {name.lower(): value for name, value in asked.headers.items()}
    return Facts(
        op=op,
        family=family,
        route=asked.route or headers.get("x-memory-route", ""),
        user=asked.user,
        agent=asked.agent,
        run=asked.run,
        header=headers.get,
    )


async def _stored(call: Call) -> list[str]:
    """Everything that the backend holds in the request's reach, as it holds it."""
    texts: list[str] = []
    scan = Scan(where=Those(frozenset(Kind)), limit=1000)
    page = await call.route.provider.scan(call.reach, scan)
    texts += [f"{each.text}\n{(each.body or b'').decode(errors='replace')}" for each in page.records]
    return texts


def _text(content: Any) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()


def _misses(config: Config, shown: Showing, case: Case, came: _Came) -> Iterator[Miss]:
    expect, error = case.expect, came.error
    code = error.code if error else None
    if expect.refused is not None and code != expect.refused:
        yield Miss(("expect", "refused"), expect.refused, _told(error) if error else "not refused")
    elif error is not None and expect.refused is None:
        yield Miss(("expect",), "not refused", _told(error))
    if came.call is None:
        for name in ("route", "chain", "provider"):
            if expect.refused is not None and getattr(expect, name) is not None:
                yield Miss(("expect", name), getattr(expect, name), "no route was reached")
        return
    route = came.call.route.config
    chain = config.chains[route.chain]
    named = {
        "route": {route.name}, "chain": {chain.name, chain.key},
        "provider": {came.call.route.provider_name, config.providers[chain.primary].name},
    }  # fmt: skip
    for name, actual in named.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted not in actual:
            yield Miss(("expect", name), wanted, min(actual, key=len))
    yield from _settings(route, shown, expect.effective)
    if expect.scope is not None:
        for part in expect.scope.__struct_fields__:
            wanted, actual = getattr(expect.scope, part), getattr(came.call.scope, part)
            if wanted is not None and wanted != actual:
                yield Miss(("expect", "scope", part), brief(wanted), brief(actual))
    yield from _texts(("expect", "found"), expect.found, came.found, there=True)
    yield from _texts(("expect", "not_found"), expect.not_found, came.found, there=False)
    if expect.stored is not None:
        yield from _texts(("expect", "stored", "contains"), expect.stored.contains, came.stored, there=True)
        yield from _texts(("expect", "stored", "not_contains"), expect.stored.not_contains, came.stored, there=False)


def _settings(route: RouteConfig, shown: Showing, wanted: dict[str, Any]) -> Iterator[Miss]:
    known = route_settings(route)
    for path, value in wanted.items():
        if plain(known[path].value) != value:
            actual = shown.value(known[path].value, known[path].mark)
            yield Miss(("expect", "effective", path), brief(value), brief(actual))


def _texts(where: Where, wanted: tuple[str, ...], texts: list[str], *, there: bool) -> Iterator[Miss]:
    for number, each in enumerate(wanted):
        holder = next((text for text in texts if each in text), None)
        if there and holder is None:
            shown = "; ".join(brief(text.strip()) for text in texts) or "nothing"
            yield Miss((*where, number), brief(each), shown)
        elif not there and holder is not None:
            yield Miss((*where, number), f"nothing with {brief(each)}", brief(holder.strip()))


def _told(error: GatewayError) -> str:
    return f"refused with {error.status} {error.code}: {error.detail}"
