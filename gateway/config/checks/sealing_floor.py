"""The policy's floor for sealing against every route as it will be. Told at the tenant's line."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related


def sealing_floor(assembly: Assembly) -> Iterator[Diagnostic]:
    floor = assembly.config.policy.encryption
    for route in assembly.routes() if floor is not None else ():
        encryption = route.layer.encryption
        on = encryption is not None and encryption.on
        fields = encryption.fields if encryption is not None and on else ()
        missing = [each for each in floor.fields if not _covered(each, fields)] if floor is not None else []
        rule = Related(assembly.gateway.mark("policy", "encryption"), "the policy")
        if missing:
            mark, related = assembly.blame(route, "encryption.fields", "encryption.type", "encryption")
            what = f"the route {route.name!r} does not seal {' and '.join(missing)}; the policy asks for it"
            hint = f"add {', '.join(missing)} to `encryption.fields`" if on else "give it `encryption: {keys: ...}`"
            yield found("MG0610", mark, what, hint, related=(*related, rule))
        elif floor is not None and encryption is not None and encryption.kept_vectors not in floor.vectors:
            mark, related = assembly.blame(route, "encryption.vectors", "encryption")
            what = f"the vectors of {route.name!r} are {encryption.kept_vectors}"
            allowed = " or ".join(floor.vectors)
            yield found(
                "MG0610", mark, f"{what}; the policy allows {allowed}", f"use {allowed}", related=(*related, rule)
            )


def _covered(field: str, fields: tuple[str, ...]) -> bool:
    return any(field == each or field.startswith(f"{each}.") for each in fields)
