"""Patterns of `match`: a literal, or a prefix that ends in a star."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Where
from gateway.config.model import Match


def patterns(assembly: Assembly) -> Iterator[Diagnostic]:
    for name, unit in assembly.tenants.items():
        for route, written in assembly.written(name).routes.items():
            for where, pattern in _patterns(written.match):
                if "*" in pattern[:-1]:
                    at = unit.mark("routes", route, "match", *where)
                    what = f"the pattern {pattern!r} has a star within"
                    yield found("MG0316", at, what, f"write a prefix: {pattern.split('*', 1)[0]}*")


def _patterns(match: Match | None) -> Iterator[tuple[Where, str]]:
    if match is None:
        return
    for key in ("op", "user", "agent", "run"):
        yield from _listed((key,), getattr(match, key))
    for key in ("header", "claim"):
        for name, given in getattr(match, key).items():
            yield from _listed((key, name), given)


def _listed(where: Where, given: str | tuple[str, ...] | None) -> Iterator[tuple[Where, str]]:
    if isinstance(given, str):
        yield where, given
    for index, each in enumerate(given if isinstance(given, tuple) else ()):
        yield (*where, index), each
