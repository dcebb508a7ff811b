"""What becomes of what goes: the summariser and the archive that are named are there, fit, and have something to do."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.checks.names import is_known, known_names, unreadable
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.routes import find_key
from gateway.config.suggest import advise
from gateway.domain.record import KINDS_OF, Family

_DAY = 86_400


def summarizer_names(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        name = layer.session.summarizer
        if not unit.sets(*where, "session", "summarizer") or unreadable(assembly, unit, "summarizers"):
            continue
        if find_key(assembly.config.summarizers, unit.owner, name) or is_known(assembly, unit, name, "summarizers"):
            continue
        at = unit.mark(*where, "session", "summarizer")
        if name in assembly.catalog.summarizers:
            hint = f"declare it with its options: summarizers: {{my-{name}: {{type: {name}, ...}}}}"
            yield found("MG0324", at, f"the summarizer {name!r} needs options", hint)
            continue
        known = {"extractive", *known_names(assembly, unit, "summarizers")}
        yield found("MG0324", at, f"there is no summarizer {name!r}", advise(name, known))


def archive_names(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        name = layer.retention.archive
        if name is None or unreadable(assembly, unit, "providers") or is_known(assembly, unit, name, "providers"):
            continue
        at = unit.mark(*where, "retention", "archive")
        yield found(
            "MG0325", at, f"there is no provider {name!r}", advise(name, known_names(assembly, unit, "providers"))
        )


def overflow(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        session = route.layer.session
        if Family.MESSAGE not in route.families:
            continue
        if session.on_overflow != "drop" and not session.limited:
            mark, related = assembly.blame(route, "session.on_overflow")
            what = f"the route {route.name!r} says what becomes of messages that must go, and none ever must"
            hint = "set session.max_messages, max_tokens or, to sum up, summarize_after"
            yield found("MG0440", mark, what, hint, related=related)
        if session.summarize_after is not None and session.on_overflow != "summarize":
            mark, related = assembly.blame(route, "session.summarize_after", "session.on_overflow")
            what = f"the route {route.name!r} has a summarize_after, but on_overflow is {session.on_overflow}"
            yield found("MG0440", mark, what, "set on_overflow: summarize", related=related)
        least = min((each for each in (session.max_messages, session.summarize_after) if each), default=None)
        if session.keep_messages is not None and least is not None and session.keep_messages > least:
            mark, related = assembly.blame(route, "session.keep_messages")
            what = f"the route {route.name!r} keeps {session.keep_messages} messages of the {least} it may hold"
            yield found("MG0440", mark, what, f"set keep_messages to less than {least}", related=related)
        if session.on_overflow == "plugin":
            yield from _plugin(assembly, route)


def archives(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        rules, session = route.layer.retention, route.layer.session
        if rules.archive is None:
            if session.on_overflow == "archive" and Family.MESSAGE in route.families:
                mark, related = assembly.blame(route, "session.on_overflow")
                what = f"the route {route.name!r} archives what overflows, and has no archive"
                yield found("MG0441", mark, what, "name a provider: retention: {archive: cold}", related=related)
            for name in ("archive_if", "delete_after_archive"):
                if assembly.origin(route, f"retention.{name}") is not None:
                    mark, related = assembly.blame(route, f"retention.{name}")
                    what = f"the route {route.name!r} has a retention.{name}, and no archive"
                    yield found("MG0441", mark, what, "name a provider: retention: {archive: cold}", related=related)
        elif route.archive:
            yield from _fit(assembly, route)
        yield from _age(assembly, route)


def _plugin(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    declared = assembly.config.summarizers.get(route.summarizer)
    if declared is not None and declared.type_name != "custom":
        mark, related = assembly.blame(route, "session.on_overflow", "session.summarizer")
        what = f"the route {route.name!r} hands over what overflows, but its summarizer is {declared.type_name}"
        hint = "name one of type custom: summarizers: {mine: {type: custom, function: my_package.overflow:handle}}"
        yield found("MG0443", mark, what, hint, related=related)


def _fit(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    archive = assembly.config.providers[route.archive]
    chain = assembly.config.chains.get(route.chain)
    mark, related = assembly.blame(route, "retention.archive")
    also = (*related, Related(archive.mark, "the provider")) if archive.mark else related
    if chain and any(step.provider == route.archive for step in chain.steps):
        what = f"the archive of the route {route.name!r} is in its own chain: what is deleted there is gone from both"
        yield found("MG0442", mark, what, "declare another provider for the archive", related=also)
    can = archive.plugin.capabilities(archive.options)
    if not can.durable:
        what = f"the archive of the route {route.name!r} forgets what it holds when its process ends"
        yield found(
            "MG0442", mark, what, "use a provider that keeps what it acknowledges: folder, s3, ...", related=also
        )
    for family in sorted(route.families - {Family.CHECKPOINT}):
        if KINDS_OF[family] - can.kinds:
            what = f"the archive {archive.name!r} ({archive.type_name}) cannot keep {family} records"
            yield found("MG0442", mark, what, "choose another provider: folder and s3 keep everything", related=also)


def _age(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    """A ttl ends records unseen: nothing of them is archived."""
    days, ttl = route.layer.retention.max_age_days, route.layer.ttl
    if days is not None and ttl is not None and ttl.seconds <= days * _DAY:
        mark, related = assembly.blame(route, "retention.max_age_days", "ttl")
        what = f"records of the route {route.name!r} end after {ttl.text}, before they are {days:g} days old"
        yield found("MG0444", mark, what, "shorten max_age_days, or lengthen the ttl", related=related)
