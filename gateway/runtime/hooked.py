"""The hooks of a route, bound: by moment and in order, each with its deadline and with what follows when it fails.

Asking one is here; what its answer means for an operation is the services' business.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from gateway.config.compiled import Plugged
from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.hooking import MUTATIONS, Action, Hook, HookContext, Moment, Outcome, after, proceed
from gateway.runtime.failures import about

_LATE: Final = after(*MUTATIONS) | {Moment.ERROR, Moment.RELOAD}  # what is done cannot be refused any more
_GO_ON: Final = proceed()

_log = logging.getLogger("gateway.hooks")


class Hooked(msgspec.Struct, frozen=True, kw_only=True):
    """`told` counts what came of it. `proceeds`: whether an operation goes on without it; None for the usual."""

    name: str
    key: str
    hook: Hook
    seconds: float
    proceeds: bool | None = None
    told: Callable[[str], None]

    async def ask(self, context: HookContext) -> Outcome:
        """Its answer; where it fails or is late, Outcome.error of a rejection, or as if it had nothing to say."""
        try:
            async with asyncio.timeout(self.seconds):
                outcome = await self.hook.run(context)
        except TimeoutError:
            return self._failed(context, "late", self._unavailable("was not done in time"))
        except GatewayError as error:
            return self._failed(context, "failed", error)
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything, which may quote contents
            _log.error("a hook failed", extra={"hook": self.key, "moment": context.moment.value, **about(error)})
            return self._failed(context, "failed", self._unavailable("failed"))
        plain = outcome.action is Action.PROCEED
        self.told(outcome.answer or ("modify" if plain and outcome.changes else outcome.action.value))
        return outcome

    def _failed(self, context: HookContext, how: str, error: GatewayError) -> Outcome:
        self.told(how)
        proceeds = context.moment in _LATE if self.proceeds is None else self.proceeds
        return _GO_ON if proceeds else Outcome(action=Action.REJECT, error=error, reason=error.detail)

    def _unavailable(self, how: str) -> GatewayError:
        return Unavailable(f"the hook {self.name!r} {how}", code="hook_failed", headers={"Retry-After": "1"})


Answers: TypeAlias = Callable[[str, str], None]  # told the key of a hook and what it answered
Hooks: TypeAlias = Mapping[Moment, tuple[Hooked, ...]]


def hooked(declared: Plugged, instance: Any, told: Answers) -> Hooked:
    hooking = declared.hooking
    assert hooking is not None  # noqa: S101 -- what is declared under `hooks` has it
    return Hooked(
        name=declared.name,
        key=declared.key,
        hook=instance,
        seconds=hooking.timeout.seconds,
        proceeds=None if hooking.on_failure is None else hooking.on_failure == "proceed",
        told=lambda answer: told(declared.key, answer),
    )


def by_moment(hooks: Sequence[tuple[Hooked, frozenset[Moment]]]) -> Hooks:
    found: dict[Moment, tuple[Hooked, ...]] = {}
    for each, moments in hooks:
        for moment in moments:
            found[moment] = (*found.get(moment, ()), each)
    return found
