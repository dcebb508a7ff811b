"""Opens what a configuration declares, as serving it would, and gives it back at once: what does not open is a finding.

Each declaration by itself and with its own time, so that one that hangs hides no other. Opening creates what serving
would create (files, tables); nothing is read or written beyond that. An error's own words are told only where they are
made to be shown.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.config.codes import found
from gateway.config.compiled import Compiled, Config, Plugged
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.finish import MASK, USERINFO, pointer
from gateway.config.sameness import dimensions
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.runtime.instances import Instances
from gateway.runtime.use import Use

Sort: TypeAlias = Literal["provider", "embedder"]

_TOGETHER: Final = 16  # openings at once
_CODES: Final[dict[Sort, str]] = {"provider": "MG0803", "embedder": "MG0804"}
_HINT: Final = "what needs it would not be served; check that it runs, and that it can be reached from here"


class _Asked(msgspec.Struct, frozen=True):
    """One declaration, and the place that is told: its own, or for a built-in one that of who uses it."""

    sort: Sort
    use: Use
    told_at: Plugged

    @property
    def what(self) -> str:
        return f"{self.sort} {self.use.declared.name!r} ({self.use.declared.type_name})"


async def probe(compiled: Compiled, clock: Clock, seconds: float) -> list[Diagnostic]:
    """One finding for each provider and embedder that does not open within `seconds`; none where nothing is served."""
    config = compiled.config
    if config is None:
        return []
    instances, turns = Instances(), asyncio.Semaphore(_TOGETHER)

    async def one(asked: _Asked) -> Diagnostic | None:
        async with turns:
            return await _open(instances, asked, _mark(asked.told_at, compiled), seconds)

    declared = list(_declared(config, clock))
    notes = await asyncio.gather(*map(one, declared))
    return [
        msgspec.structs.replace(note, path=_pointer(asked, compiled))
        for note, asked in zip(notes, declared, strict=True)
        if note is not None
    ]


async def _open(instances: Instances, asked: _Asked, mark: Mark, seconds: float) -> Diagnostic | None:
    code = _CODES[asked.sort]
    try:
        async with asyncio.timeout(seconds), AsyncExitStack() as stack:
            await instances.acquire(asked.use, stack)
    except TimeoutError:
        return found("MG0805", mark, f"{asked.what} did not open within {seconds:g} seconds", _HINT)
    except GatewayError as error:
        words = USERINFO.sub(rf"\1{MASK}@", error.detail)
        return found(code, mark, f"{asked.what} does not open: {words}", _HINT)
    except Exception as error:  # noqa: BLE001 -- a driver may raise anything, and its words may hold a credential
        return found(code, mark, f"{asked.what} does not open: {type(error).__name__}", _HINT)
    return None


def _declared(config: Config, clock: Clock) -> Iterator[_Asked]:
    """Every declaration by its key, used or not; of what is built in, what a declaration uses."""
    sizes = dimensions(config)
    users: dict[str, Plugged] = {}
    for _, provider in sorted(config.providers.items()):
        size = None if provider.embedder is None else sizes[provider.embedder]
        yield _Asked("provider", Use(provider, _kit(config, provider, clock, size)), provider)
        if provider.embedder is not None:
            users.setdefault(provider.embedder, provider)
    for key, embedder in sorted(config.embedders.items()):
        told_at = embedder if embedder.mark else users.get(key)
        if told_at is not None:
            yield _Asked("embedder", Use(embedder, _kit(config, embedder, clock, None)), told_at)


def _kit(config: Config, declared: Plugged, clock: Clock, dimension: int | None) -> Kit:
    return Kit(name=declared.key, clock=clock, home=config.home, dimension=dimension)


def _mark(declared: Plugged, compiled: Compiled) -> Mark:
    return declared.mark or Mark(compiled.file, 1, 1)


def _pointer(asked: _Asked, compiled: Compiled) -> str:
    told_at = asked.told_at
    section = "embedders" if asked.sort == "embedder" and told_at is asked.use.declared else "providers"
    inline = bool(told_at.owner) and told_at.mark is not None and told_at.mark.file == compiled.file
    root = ("tenants", told_at.owner) if inline else ()
    return pointer((*root, section, told_at.name))
