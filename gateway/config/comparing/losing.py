"""What happens to records when the new config takes over: which go with their provider, which are no longer reached."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.comparing.plan import Action, Warned
from gateway.config.comparing.settings import scope_table
from gateway.config.compiled import Config, Plugged, RouteConfig
from gateway.config.showing import Showing
from gateway.domain.ports import Capabilities


def instances_lose(actions: tuple[Action, ...], old: Config, new: Config, shown: Showing) -> Iterator[Warned]:
    """Providers that lose what they hold, and those whose vectors stop to fit the embedder. `shown` are old values."""
    remade = {each.name for each in actions if each.sort == "embedder" and each.verb == "recreate"}
    for action in actions:
        before, after = old.providers.get(action.name), new.providers.get(action.name)
        if action.sort != "provider" or before is None or action.verb == "create":
            continue
        durable = _facts(before).durable
        if action.verb != "reuse" and not durable:
            yield _warned(action, f"what {before.type_name} keeps goes when it is closed")
        if action.verb == "close" or after is None:
            continue
        if durable and (left := sorted(_facts(before).exclusive - _facts(after).exclusive)):
            yield _warned(action, f"what is kept in {_named(left, shown.options(before))} stays there")
        if durable and not _facts(after).durable:
            yield _warned(action, f"{after.type_name} keeps nothing when it is closed; {before.type_name} did")
        if durable and after.embedder and (before.embedder != after.embedder or after.embedder in remade):
            yield _warned(action, "the vectors it holds were made by another embedder, or are missing")


def route_loses(old: RouteConfig, new: RouteConfig, configs: tuple[Config, Config]) -> Iterator[Warned]:
    """Records that were written before and that this route will not find any more."""
    why: list[tuple[str, str]] = []
    was, now = (config.chains[route.chain].primary for config, route in zip(configs, (old, new), strict=True))
    if was != now:
        why.append(("chain", f"what is kept in {was} stays there; the route looks in {now}"))
    if old.layer.space != new.layer.space:
        why.append(("space", f"what is kept in the space {old.layer.space} is not in {new.layer.space}"))
    if scope_table(old) != scope_table(new):
        why.append(("scope", "records of the old scope have other owners than requests of the new one"))
    if gone := sorted(family.value for family in old.families - new.families):
        why.append(("kinds", f"records of the kind {' and '.join(gone)} are no longer reached by this route"))
    for path, message in why:
        origin = new.origins.get(path)
        mark = (origin and origin.mark) or new.mark
        yield Warned(danger="data", subject="route", name=f"{new.tenant}/{new.name}", message=message, mark=mark)


def _named(things: list[str], options: Mapping[str, Any]) -> str:
    """A thing by its name only where an option shows that name: it may have come from a reference."""
    known = [each for each in things if each.partition(":")[2] in options.values()]
    return ", ".join(known) if known == things else "another place"


def _facts(declared: Plugged) -> Capabilities:
    found: Capabilities = declared.plugin.capabilities(declared.options)
    return found


def _warned(action: Action, message: str) -> Warned:
    return Warned(danger="data", subject=action.sort, name=action.name, message=message, mark=action.mark)
