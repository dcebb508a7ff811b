"""Open tenants: at most one, without keys beside it, and only where the policy lets them be."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related


def open_tenants(assembly: Assembly) -> Iterator[Diagnostic]:
    open_ones = {name: unit for name, unit in assembly.tenants.items() if assembly.written(name).auth.mode == "open"}
    for name, unit in open_ones.items():
        at = unit.mark("auth", "mode")
        others = tuple(
            Related(each.mark("auth", "mode"), f"{other} is open too")
            for other, each in open_ones.items()
            if other != name
        )
        if others:
            what = f"{name!r} is not the only open tenant, and a request without credential can only be one tenant's"
            yield found("MG0504", at, what, "leave one open; give the others API keys", related=others)
        if assembly.written(name).auth.api_keys:
            what = f"{name!r} is open, so its API keys protect nothing"
            yield found("MG0506", unit.key("auth", "api_keys"), what, "remove the keys, or `mode: open`")
        if not assembly.config.policy.open_tenants:
            rule = (Related(assembly.gateway.mark("policy", "open_tenants"), "the policy"),)
            yield found("MG0605", at, f"{name!r} may not be open", "give it API keys: mode: keys", related=rule)
