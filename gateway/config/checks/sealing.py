"""Whether what `encryption` says can be done: its keys are there, its fields exist, and its parts fit together."""

from collections.abc import Iterator
from typing import Any, Final, cast

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.model import Encryption
from gateway.config.suggest import advise
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_time
from gateway.sealing.fernet import fernet_key

_MANY: Final = 64  # values, of which to see which are equal tells little


def keyrings(assembly: Assembly) -> Iterator[Diagnostic]:
    """The keyrings themselves: stores that are declared, roots that say where they come from."""
    if assembly.tenants:
        return
    unit, file = assembly.gateway, assembly.file()
    for name, ring in file.keyrings.items():
        if ring.store is not None and ring.store not in assembly.config.providers:
            what = f"keyrings.{name}: there is no provider {ring.store!r}"
            known = list(assembly.config.providers)
            yield found("MG0302", unit.mark("keyrings", name, "store"), what, advise(ring.store, known))
        places = [(ring.root, ("root",)), *((root, ("old_roots", n)) for n, root in enumerate(ring.old_roots))]
        for root, where in places:
            if lacks := root.lacks():
                what = f"keyrings.{name}: a root of the type {root.type} needs `{lacks}`"
                hint = f"say where the key is: {{type: {root.type}, {lacks}: ...}}"
                yield found("MG0521", unit.mark("keyrings", name, *where), what, hint)


def sealing(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        encryption = route.layer.encryption
        if encryption is not None and encryption.on:
            yield from _keys(assembly, route, encryption)
            yield from _fields(assembly, route, encryption)
            yield from _index(assembly, route, encryption)


def _keys(assembly: Assembly, route: RouteConfig, encryption: Encryption) -> Iterator[Diagnostic]:
    if encryption.type == "mg1":
        known = assembly.file().keyrings
        if encryption.keys not in known and not assembly.gateway.lost("keyrings"):
            mark, related = assembly.blame(route, "encryption.keys", "encryption")
            what = f"the route {route.name!r} is sealed by keys of {encryption.keys!r}, and there is no such keyring"
            yield found("MG0330", mark, what, advise(encryption.keys, list(known)), related=related)
        return
    keys = encryption.fernet_keys()
    if not keys or any(fernet_key(key) is None for key in keys):
        mark, related = assembly.blame(route, "encryption.key", "encryption")
        why = "has no key" if not keys else "has a key that is none: 32 bytes in url-safe base64"
        what = f"the route {route.name!r} is sealed with Fernet and {why}"
        hint = "make one: python3 -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        yield found("MG0520", mark, what, hint, related=related)


def _fields(assembly: Assembly, route: RouteConfig, encryption: Encryption) -> Iterator[Diagnostic]:
    told: list[tuple[str, str, str]] = []
    for field in encryption.fields:
        first, *path = field.split(".")
        if first not in ("content", "role", "metadata") or (path and (first != "metadata" or not all(path))):
            told.append(("fields", f"there is no field {field!r}", "use content, role, metadata or metadata.<path>"))
    if "role" in encryption.fields and not encryption.content:
        told.append(("fields", "the role is sealed with the content, which is not sealed", "add content"))
    if encryption.kept_vectors == "sealed" and not encryption.content:
        told.append(("vectors", "vectors are sealed with the content, which is not sealed", "add content to `fields`"))
    until = encryption.accept_plaintext_until
    if until is not None:
        try:
            read_time(until, "accept_plaintext_until")
        except GatewayError:
            told.append(("accept_plaintext_until", f"{until!r} is not a time", 'write it like "2026-12-31T23:59:59Z"'))
    for key, why, hint in told:
        mark, related = assembly.blame(route, f"encryption.{key}", "encryption")
        yield found("MG0430", mark, f"the route {route.name!r}: {why}", hint, related=related)


def _index(assembly: Assembly, route: RouteConfig, encryption: Encryption) -> Iterator[Diagnostic]:
    sealed = [field.split(".")[1:] for field in encryption.fields if field.split(".")[0] == "metadata"]
    for index in encryption.index:
        path = index.removeprefix("metadata.").split(".")
        mark, related = assembly.blame(route, "encryption.index", "encryption")
        if not any(path[: len(each)] == each for each in sealed):
            what = f"the route {route.name!r}: {index!r} is not sealed, so backends can test it without an index"
            yield found("MG0430", mark, what, f"leave it out of `index`, or add metadata.{index}", related=related)
        elif few := _few(route, path):
            what = f"the route {route.name!r}: {index!r} takes {few}, so its index shows nearly what the value is"
            hint = "leave it out of `index`: it is tested here, after opening"
            yield found("MG0431", mark, what, hint, related=related)


def _few(route: RouteConfig, path: list[str]) -> str:
    """How few values the route's schema allows at a path; "" for many."""
    schema: Any = route.layer.metadata_schema or {}
    for step in path:
        properties: Any = cast("dict[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
        schema = cast("dict[str, Any]", properties).get(step) if isinstance(properties, dict) else None
    if not isinstance(schema, dict):
        return ""
    told = cast("dict[str, Any]", schema)
    if told.get("type") == "boolean":
        return "two values"
    if "const" in told:
        return "one value"
    listed: Any = told.get("enum")
    count = len(cast("list[Any]", listed)) if isinstance(listed, list) else _MANY
    return f"{count} values" if count < _MANY else ""


def sealed_alike(assembly: Assembly) -> Iterator[Diagnostic]:
    """Routes that may meet the same records must seal them alike, or one finds what the other wrote damaged."""
    first: dict[tuple[str, str, str], RouteConfig] = {}
    for route in assembly.routes():
        chain = assembly.config.chains.get(route.chain)
        for family in sorted(route.families) if chain is not None else ():
            known = first.setdefault((chain.primary, route.layer.space, family), route) if chain is not None else route
            if _kept(known) != _kept(route):
                mark, related = assembly.blame(route, "encryption")
                what = f"the routes {known.name!r} and {route.name!r} keep {family} records in one place and seal them"
                hint = "give both the same `encryption`, or one of them a `space` of its own"
                also = (*related, Related(known.mark, "the other route"))
                yield found("MG0432", mark, f"{what} differently", hint, related=also)
                break


def _kept(route: RouteConfig) -> Encryption | None:
    encryption = route.layer.encryption
    return encryption if encryption is not None and encryption.on else None
