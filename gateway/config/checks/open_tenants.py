"""Open tenants: at most one, without keys beside it, and only where the policy lets them be."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.crowd import Crowd, others
from gateway.config.diagnostics import Diagnostic, Related


def open_tenants(assembly: Assembly) -> Iterator[Diagnostic]:
    for name, unit in assembly.tenants.items():
        auth = assembly.written(name).auth
        if auth.mode != "open":
            continue
        if auth.api_keys:
            what = f"{name!r} is open, so its API keys protect nothing"
            yield found("MG0506", unit.key("auth", "api_keys"), what, "remove the keys, or `mode: open`")
        if not assembly.config.policy.open_tenants:
            rule = (Related(assembly.gateway.mark("policy", "open_tenants"), "the policy"),)
            at = unit.mark("auth", "mode")
            yield found("MG0605", at, f"{name!r} may not be open", "give it API keys: mode: keys", related=rule)


def one_open(crowd: Crowd) -> Iterator[Diagnostic]:
    places = [(stake.open, stake.owner) for stake in crowd.tenants() if stake.open]
    told = [(mark, f"{owner} is open too") for mark, owner in places]
    for mark, owner in places if len(places) > 1 else ():
        what = f"{owner!r} is not the only open tenant, and a request without credential can only be one tenant's"
        yield found("MG0504", mark, what, "leave one open; give the others API keys", related=others(told, mark))
