"""Names that are taken: chains and providers share theirs, and a tenant's own never shadow the gateway's."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related

SHARED = ("providers", "chains")
TAKEN = (
    ("providers", SHARED), ("chains", SHARED), ("strategies", ("strategies",)), ("summarizers", ("summarizers",)),
    ("upstreams", ("upstreams",)),
    ("own_hooks", ("hooks",)),
)  # fmt: skip


def names_taken(assembly: Assembly) -> Iterator[Diagnostic]:
    gateway = assembly.gateway
    for unit in assembly.units():
        for name in unit.written.chains:
            if name in unit.written.providers:
                other = Related(unit.key("providers", name), "the provider")
                what = f"{name!r} is the name of a provider, which is a chain by itself"
                yield found("MG0306", unit.key("chains", name), what, "rename the chain", related=(other,))
        for section, kind in (("strategies", "strategy"), ("summarizers", "summarizer")):
            for name, entry in getattr(unit.written, section).items():
                if name in getattr(assembly.catalog, section) and entry["type"] != name:
                    what = f"{name!r} is a built-in {kind} and would become {entry['type']!r}"
                    yield found("MG0306", unit.key(section, name), what, "give it another name")
        if unit is gateway:
            continue
        for section, others in TAKEN:
            for name in getattr(unit.written, section):
                for other in others:
                    if name in getattr(gateway.written, other):
                        related = Related(gateway.key(other, name), "the gateway's")
                        what = f"the gateway has {other} of the name {name!r} already"
                        hint = f"rename it, for example {unit.owner}-{name}"
                        yield found("MG0306", unit.key(section, name), what, hint, related=(related,))
