"""Things that only one provider may hold: a database file, an embedded index."""

from collections.abc import Iterator
from pathlib import Path

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import Plugged
from gateway.config.diagnostics import Diagnostic, Related


def resources(assembly: Assembly) -> Iterator[Diagnostic]:
    holders = dict[str, Plugged]()
    declared = [each for each in assembly.config.providers.values() if each.mark]
    for provider in sorted(declared, key=lambda each: (each.owner, each.mark or "")):
        for resource in sorted(provider.plugin.capabilities(provider.options).exclusive):
            first = holders.setdefault(_absolute(resource, assembly.config.home), provider)
            if first is provider or not first.mark or not provider.mark:
                continue
            what = f"providers {first.name!r} and {provider.name!r} both need {resource} for themselves"
            hint = "name something else in one of them, or use one provider for both"
            yield found("MG0408", provider.mark, what, hint, related=(Related(first.mark, "the other provider"),))


def _absolute(resource: str, home: Path) -> str:
    """Two ways to write one path are one resource."""
    kind, _, name = resource.partition(":")
    return f"file:{(home / name).resolve()}" if kind == "file" else resource
