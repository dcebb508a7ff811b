"""API keys: one hash is one caller, ids tell them apart in logs, expiry is a time. Never prints a hash."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.crowd import Crowd, others
from gateway.config.diagnostics import Diagnostic, Mark, Related
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_time

if TYPE_CHECKING:
    from datetime import datetime


def credentials(assembly: Assembly) -> Iterator[Diagnostic]:
    for name, unit in assembly.tenants.items():
        ids: dict[str, Mark] = {}
        for index, key in enumerate(assembly.written(name).auth.api_keys):
            at = ("auth", "api_keys", index)
            if key.id is not None:
                first = ids.setdefault(key.id, unit.mark(*at, "id"))
                if first != unit.mark(*at, "id"):
                    what = f"two keys of the tenant {name!r} have the id {key.id!r}"
                    related = (Related(first, "the first"),)
                    yield found("MG0507", unit.mark(*at, "id"), what, "give each key an id of its own", related=related)
            times: dict[str, datetime] = {}
            for bound, text in (("not_before", key.not_before), ("expires", key.expires)):
                try:
                    times |= {bound: read_time(text, bound)} if text is not None else {}
                except GatewayError:
                    what = f"{bound} is not a time"
                    yield found("MG0503", unit.mark(*at, bound), what, 'write it like "2026-12-31T23:59:59Z"')
            if len(times) == 2 and times["not_before"] >= times["expires"]:
                what = "the key ends before it begins"
                yield found("MG0503", unit.mark(*at, "expires"), what, "swap the two times, or correct one")


def keys_once(crowd: Crowd) -> Iterator[Diagnostic]:
    places: dict[str, list[tuple[Mark, str]]] = {}
    for stake in crowd.tenants():
        for key, mark in stake.keys:
            places.setdefault(key, []).append((mark, "and here"))
    for marks in places.values():
        for mark, _ in marks if len(marks) > 1 else ():
            yield found(
                "MG0502", mark, "this key is given more than once", "make a key for each caller",
                related=others(marks, mark),
            )  # fmt: skip


def no_credentials(assembly: Assembly) -> Iterator[Diagnostic]:
    for name, unit in assembly.tenants.items():
        auth = assembly.written(name).auth
        believes = assembly.config.issuers if auth.issuers is None else auth.issuers
        if auth.mode == "keys" and not auth.api_keys and not believes:
            what = f"the tenant {name!r} has no API key, so nobody can call as it"
            yield found("MG0505", unit.place(), what, "run `memory-gateway keys new`, and add the hash it prints")
