"""Versions and packages, the clock, and providers that several workers would each have for themselves."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.config.compiled import Config
from gateway.config.diagnostics import Diagnostic
from gateway.providers.sqlite.schema import OLDEST
from gateway.runtime.place.facts import Place, Said, problem, providers, unknown

PYTHON: Final = (3, 11)
EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(minutes=5)


def software(config: Config, place: Place) -> Iterator[Said]:
    if place.python < PYTHON:
        yield problem("python", f"this is {_dotted(place.python)}", f"{_dotted(PYTHON)} or newer is needed")
    if any(each.type_name == "sqlite" for each in providers(config)) and place.sqlite < OLDEST:
        yield problem("sqlite", f"this is {_dotted(place.sqlite)}", f"{_dotted(OLDEST)} or newer is needed")


def packages(findings: Iterable[Diagnostic]) -> Iterator[Said]:
    """What the check of the configuration found missing on this machine; what needs it is left out of the config."""
    for note in findings:
        if note.code in ("MG0801", "MG0802"):
            yield problem(f"{note.mark.file}:{note.mark.line}", note.message, note.hint)


def clock(config: Config, place: Place) -> Iterator[Said]:
    """Ids and ages are made of time. Whether the clock is right to the second, nothing here can know."""
    now = place.now()
    if not EARLIEST <= now < LATEST:
        hint = "set it: ids, ages and expiry are made of time"
        yield problem("clock", f"it says {now.date().isoformat()}", hint)
        return
    for file in config.files:
        try:
            changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except OSError:
            continue
        if changed - now > AHEAD:
            minutes = int((changed - now).total_seconds() // 60)
            hint = "one of the two clocks is wrong"
            yield problem("clock", f"{file.name} was changed {minutes} minutes from now", hint)
            return
    yield unknown("clock", "it looks sane; whether it is kept in step with others cannot be seen from here")


def workers(config: Config, place: Place) -> Iterator[Said]:
    for declared in providers(config) if place.workers > 1 else ():
        if not declared.plugin.capabilities(declared.options).shared:
            hint = "serve with --workers 1, or use a provider that processes share"
            what = f"each of {place.workers} workers has a {declared.type_name} of its own, and they differ"
            yield problem(f"provider {declared.key}", what, hint)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
