"""Hooks: names that there are, words of `on:` that come to something, and those that the policy asks of every route."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.catalog import section_of
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.hooks import means
from gateway.config.suggest import advise
from gateway.config.unit import Unit


def hook_names(assembly: Assembly) -> Iterator[Diagnostic]:
    """Of each level that lists hooks, and of the policy, which may only ask for the gateway's own."""
    for unit, where, layer in assembly.layers():
        if _unreadable(assembly, unit):
            continue
        known = _known(assembly, unit)
        for index, name in enumerate(layer.hooks):
            if name not in known:
                yield found(
                    "MG0321", unit.mark(*where, "hooks", index), f"there is no hook {name!r}", advise(name, known)
                )
            elif name in layer.hooks[:index]:
                at = unit.mark(*where, "hooks", index)
                yield found("MG0322", at, f"the hook {name!r} is asked twice", "name it once")
    if not assembly.tenants and not assembly.gateway.lost("hooks"):
        known = _known(assembly, assembly.gateway)
        for index, name in enumerate(assembly.config.policy.hooks):
            if name not in known:
                at = assembly.gateway.mark("policy", "hooks", index)
                yield found("MG0321", at, f"there is no hook {name!r}", advise(name, known))


def hooks_asked(assembly: Assembly) -> Iterator[Diagnostic]:
    """A word of `on:` that means nothing for the type would be a protection that is not there."""
    for hook in assembly.declared("hooks"):
        place, unit = section_of("hooks", hook.owner), assembly.unit(hook.owner)
        for word in hook.hooking.words(()) if hook.hooking is not None else ():
            if not means(hook, word):
                can = ", ".join(sorted({each.event.value for each in hook.plugin.moments}))
                what = f"a hook of the type {hook.type_name!r} has nothing to do at {word!r}"
                yield found("MG0411", unit.mark(place, hook.name, "on"), what, f"it can be asked at: {can}")


def hooks_required(assembly: Assembly) -> Iterator[Diagnostic]:
    known = assembly.config.hooks  # what there is not is told at the policy
    wanted = [name for name in assembly.config.policy.hooks if name in known]
    for route in assembly.routes() if wanted else ():
        missing = [name for name in wanted if name not in route.hooks]
        if missing:
            what = f"the route {route.name!r} goes without {_listed(missing)}; the policy asks for {_listed(wanted)}"
            yield _told(assembly, route, what)
        elif [key for key in route.hooks if key in wanted] != list(dict.fromkeys(wanted)):
            yield _told(assembly, route, f"the route {route.name!r} has the hooks of the policy in another order")


def _told(assembly: Assembly, route: RouteConfig, what: str) -> Diagnostic:
    mark, related = assembly.blame(route, "hooks")
    rule = Related(assembly.gateway.mark("policy", "hooks"), "the policy")
    hint = f"write hooks: [{', '.join(assembly.config.policy.hooks)}, ...]"
    return found("MG0607", mark, what, hint, related=(*related, rule))


def _listed(names: list[str]) -> str:
    return " and ".join(map(repr, names))


def _known(assembly: Assembly, unit: Unit) -> set[str]:
    units = {id(each): each for each in (unit, assembly.gateway)}.values()
    return {
        name
        for each in units
        for section in (section_of("hooks", each.owner),)
        for name in (*getattr(each.written, section), *each.lost_names(section))
    }


def _unreadable(assembly: Assembly, unit: Unit) -> bool:
    return any(each.lost(section_of("hooks", each.owner)) for each in (unit, assembly.gateway))
