"""Default routes: at most one for each kind, with nothing beside it that could never matter."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.domain.record import Family


def default_routes(assembly: Assembly) -> Iterator[Diagnostic]:
    for tenant in assembly.config.tenants.values():
        unit = assembly.unit(tenant.name)
        taken = dict[Family, str]()
        for route in sorted(assembly.routes_of(tenant), key=lambda each: each.mark):
            at = ("routes", route.name)
            if not route.default:
                continue
            for key in ("match", "priority"):
                if getattr(route, key):
                    what = f"the default route {route.name!r} has a {key}, which never matters"
                    yield found("MG0315", unit.key(*at, key), what, f"remove the {key}, or `default: true`")
            for family in sorted(route.families):
                if family in taken:
                    first = Related(unit.key("routes", taken[family]), "the first")
                    what = f"{route.name!r} and {taken[family]!r} are both the default for {family} requests"
                    hint = "keep one default, or give their `kinds` no overlap"
                    yield found("MG0308", unit.mark(*at, "default"), what, hint, related=(first,))
                taken.setdefault(family, route.name)
        for route in assembly.routes_of(tenant):
            shadow = next((taken[family] for family in sorted(route.families) if family in taken), None)
            if not route.default and route.priority < 0 and shadow:
                over = Related(unit.key("routes", shadow), "the default")
                what = f"the route {route.name!r} is never asked: the default comes before it"
                at = unit.mark("routes", route.name, "priority")
                yield found("MG0318", at, what, "give it a priority of 0 or more", related=(over,))


def nothing_kept(assembly: Assembly) -> Iterator[Diagnostic]:
    """Told once for each tenant: it is so for the try-out, and must not be a surprise after it."""
    for tenant in assembly.config.tenants.values():
        for route in tenant.routes:
            provider = assembly.config.providers.get(route.chain)
            if provider is not None and provider.mark is None:
                what = f"no provider is declared, so what {tenant.name!r} keeps is gone when the process ends"
                hint = "declare one: providers: {main: {type: sqlite, path: data/memory.db}}, and `chain: main` in `defaults`"
                yield found("MG0326", route.mark, what, hint)
                break


def no_default(assembly: Assembly) -> Iterator[Diagnostic]:
    for tenant in assembly.config.tenants.values():
        held = {family for route in tenant.routes if route.match or route.default for family in route.families}
        defaults = {family for route in tenant.routes if route.default for family in route.families}
        if not tenant.routes:
            what = f"the tenant {tenant.name!r} has no routes, so every request gets 404"
            yield found("MG0309", tenant.mark, what, "add one: routes: {main: {default: true}}")
        for family in sorted(held - defaults):
            what = f"the tenant {tenant.name!r} has no default route for {family} requests: unmatched ones get 404"
            yield found("MG0309", tenant.mark, what, "add `default: true` to the route that takes the rest")
