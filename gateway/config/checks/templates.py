"""Templates: `identity` may name what a request brings, `session.id` and `context.item` what they are made of."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.located import Where
from gateway.config.model import Identity
from gateway.config.suggest import advise

VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
KNOWN: Final = ("request.user", "request.agent", "request.run", "key.user", "key.id")
OPEN: Final = ("header.", "claim.")
SESSION: Final = ("user", "agent", "uuid")
ITEM: Final = ("content", "role", "created_at", "score", "id")


def templates(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        for place, text in _identity(layer.identity):
            if not unit.sets(*where, *place[:2]):
                continue
            mark = unit.mark(*where, *place)
            for name in VARIABLE.findall(text):
                if name not in KNOWN and not (name.startswith(OPEN) and name.rstrip(".").count(".")):
                    known = [*KNOWN, "header.<name>", "claim.<path>"]
                    yield found("MG0406", mark, f"no request has {{{name}}}", advise(name, known))
            if _loose(text):
                yield found("MG0406", mark, "a brace has no partner", "write variables as {request.user}")
        for place, text, known in (
            (("session", "id"), layer.session.id, SESSION),
            (("context", "item"), layer.context.item, ITEM),
        ):
            if not unit.sets(*where, *place):
                continue
            mark = unit.mark(*where, *place)
            for name in VARIABLE.findall(text):
                if name not in known:
                    yield found("MG0407", mark, f"{'.'.join(place)} has no {{{name}}}", advise(name, known))
            if _loose(text):
                yield found("MG0407", mark, "a brace has no partner", f"write fields as {{{known[0]}}}")


def _identity(identity: Identity) -> Iterator[tuple[Where, str]]:
    for part in ("user", "agent", "run"):
        given: str | tuple[str, ...] = getattr(identity, part)
        if isinstance(given, str):
            yield ("identity", part), given
            continue
        for index, text in enumerate(given):
            yield ("identity", part, index), text


def _loose(text: str) -> bool:
    return bool(re.search(r"[{}]", VARIABLE.sub("", text)))
