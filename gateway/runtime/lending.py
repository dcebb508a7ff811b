"""One declared provider by itself, opened outside of what serves, for verbs that move records between stores.

Without its guard: limits that are right for requests are wrong for those who read everything. Opening creates what serving
would create.
"""

import asyncio
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.config.compiled import Config, Plugged
from gateway.config.sameness import dimensions, identity_of
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.domain.ids import Clock
from gateway.domain.ports import Capabilities, Embedder, Kit, Provider
from gateway.domain.units import Secret
from gateway.runtime.instances import Instances
from gateway.runtime.use import Use

_SECONDS: Final = 20.0


class Lender:
    """What it lends is given back when the stack closes."""

    def __init__(self, config: Config, clock: Clock, stack: AsyncExitStack) -> None:
        self._config = config
        self._clock = clock
        self._stack = stack
        self._instances = Instances()

    async def provider(self, key: str) -> Provider:
        """Misconfigured where it does not open, with the reason where that is fit to be shown."""
        opened: Provider = await self._open(use_of(self._config, key, self._clock), f"provider {key!r}")
        return opened

    async def declared(self, declared: Plugged) -> Provider:
        """A provider that need not be in the section of providers, such as the store of a keyring."""
        if declared.key in self._config.providers:
            return await self.provider(declared.key)
        kit = Kit(name=declared.key, clock=self._clock, home=self._config.home)
        opened: Provider = await self._open(Use(declared, kit), f"provider {declared.key!r}")
        return opened

    async def embedder(self, key: str) -> Embedder | None:
        """That of a provider; None where it has none."""
        declared = embedder_of(self._config, key)
        if declared is None:
            return None
        kit = Kit(name=declared.key, clock=self._clock, home=self._config.home)
        opened: Embedder = await self._open(Use(declared, kit), f"embedder {declared.key!r}")
        return opened

    async def _open(self, use: Use, what: str) -> Any:
        try:
            async with asyncio.timeout(_SECONDS):
                return (await self._instances.acquire(use, self._stack)).instance
        except TimeoutError:
            raise Misconfigured(f"{what} does not open within {_SECONDS:g} seconds") from None
        except GatewayError as error:
            raise Misconfigured(f"{what} does not open: {error.detail}") from None
        except Exception as error:  # noqa: BLE001 -- a driver may raise anything, and its words may hold a credential
            raise Misconfigured(f"{what} does not open: {type(error).__name__}") from None


def use_of(config: Config, key: str, clock: Clock) -> Use:
    declared = msgspec.structs.replace(config.providers[key], guard=None)
    dimension = None if declared.embedder is None else dimensions(config)[declared.embedder]
    return Use(declared, Kit(name=key, clock=clock, home=config.home, dimension=dimension))


def capabilities_of(config: Config, key: str) -> Capabilities:
    declared = config.providers[key]
    found: Capabilities = declared.plugin.capabilities(declared.options)
    return found


def embedder_of(config: Config, key: str) -> Plugged | None:
    named = config.providers[key].embedder
    return None if named is None else config.embedders[named]


def fingerprint_of(config: Config, key: str) -> str:
    """What the vectors of a provider are made by: the same for two embedders that differ in name or secrets only, ""
    where there is none."""
    declared = embedder_of(config, key)
    if declared is None:
        return ""
    told = msgspec.json.encode([declared.type_name, declared.plugin.__module__, declared.options], enc_hook=_open_text)
    return sha256(told).hexdigest()[:16]


def pair_of(config: Config, source: str, target: str, clock: Clock) -> str:
    """A fingerprint of two declarations as they are now, and of their embedders."""
    sides = [use_of(config, key, clock) for key in (source, target)]
    parts = [identity_of(use.declared, config.home.resolve(), use.kit.dimension) for use in sides]
    return sha256(
        msgspec.json.encode([*parts, fingerprint_of(config, source), fingerprint_of(config, target)])
    ).hexdigest()


def _open_text(value: Any) -> str:
    return "" if isinstance(value, Secret) else getattr(value, "text", "") or repr(value)
