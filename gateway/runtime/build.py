"""Config to Snapshot: open what it declares, bind what has changed, keep what has not.

What fails stays inside its tenant: that one is named with the reason, and served by what it had before, where there
is such. Nothing that was opened for a build which is given up stays open. Decides nothing else: what could be wrong
with a configuration was refused by its check.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from gateway.config.compiled import Config, TenantConfig
from gateway.config.sameness import Sort
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.runtime.callers import admin_gate, gate, trusts_of
from gateway.runtime.failures import about
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import BoundTenant, Means, bind, cursor_key_of, rings_of
from gateway.runtime.use import Opened, Use
from gateway.runtime.uses import Uses, UsesOf

OPEN_SECONDS: Final = 20.0
_TOGETHER: Final = 16  # instances that open at once: one that hangs makes nobody else wait
_BREATH: Final = 200  # tenants bound before other requests get their turn

_log = logging.getLogger("gateway.build")


class Built(msgspec.Struct, frozen=True):
    """`failed` names the tenants that could not be built, with what they lack; `changed` those that were bound anew."""

    snapshot: Snapshot
    failed: Mapping[str, str]
    changed: tuple[str, ...]


async def build(
    config: Config,
    means: Means,
    generation: int,
    before: Snapshot | None = None,
    stale: Iterable[str] = (),
    quarantined: Mapping[str, TenantConfig] | None = None,
    *,
    rehearsal: bool = False,
) -> Built:
    """`stale` tenants, whose configuration is broken now, are served as `before` had them, and failed ones too.

    A `rehearsal` is for looking at, not for serving: it takes nothing from what serves.
    """
    async with AsyncExitStack() as stack:
        # At the start nothing serves that could go on serving: what is away is waited for.
        opening = _Opening(means, stack, rehearsal=rehearsal, patient=before is None and not rehearsal)
        uses_of, cursor_key = UsesOf(config, means.clock), cursor_key_of(config, means)
        wanted: dict[str, Uses] = {}
        for number, (name, tenant) in enumerate(config.tenants.items()):
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            wanted[name] = uses_of(tenant)
        await opening.ahead(wanted.values())
        tenants: dict[str, BoundTenant] = {}
        failed: dict[str, str] = {}
        changed: list[str] = []
        had: Mapping[str, BoundTenant] = before.tenants if before is not None else {}
        for number, (name, tenant) in enumerate(config.tenants.items()):
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            uses = wanted[name]
            try:
                opened = await opening.all_of(uses)
                rings = await rings_of(config, tenant, opened, means)
            except GatewayError as error:
                failed[name] = error.detail
                continue
            old = had.get(name)
            if old is not None and old.same(tenant, uses, cursor_key):
                tenants[name] = old
            else:
                tenants[name] = bind(config, tenant, uses, opened, means, rings)
                changed.append(name)
        for name in [*stale, *failed]:
            if name in had:
                await opening.keep(had[name].uses)
                tenants[name] = had[name]
        locked = {name: each for name, each in (quarantined or {}).items() if name not in tenants}
        locked |= {name: config.tenants[name] for name in failed if name not in tenants}
        # A rehearsal lets nobody in, so it asks no issuer for keys.
        trusts = [] if rehearsal else await trusts_of(config, means.key_sets, stack)
        snapshot = Snapshot(
            generation=generation,
            config=config,
            gate=gate([each.config for each in tenants.values()], locked.values(), trusts),
            admin=admin_gate(config.admin),
            tenants=tenants,
            locked=frozenset(locked),
            stack=stack.pop_all(),
        )
        return Built(snapshot, failed, tuple(changed))


class _Opening:
    """The instances of one build: each opened once, however many tenants use it; one that failed is not tried again."""

    def __init__(self, means: Means, stack: AsyncExitStack, *, rehearsal: bool, patient: bool) -> None:
        self._means = means
        self._stack = stack
        self._rehearsal = rehearsal
        self._patient = patient
        self._done: dict[int, tuple[Use, Opened | Misconfigured]] = {}  # by the Use itself, which it keeps alive

    async def ahead(self, everyone: Iterable[Uses]) -> None:
        """Opens side by side what nobody has open yet. What fails is told to those who need it."""
        known = {id(use): use for uses in everyone for use in uses.values()}
        new = [use for use in known.values() if not self._means.instances.is_open(use)]
        turns = asyncio.Semaphore(_TOGETHER)

        async def one(use: Use) -> None:
            async with turns:
                await self._open(use)

        async with asyncio.TaskGroup() as group:
            for use in new:
                group.create_task(one(use))

    async def all_of(self, uses: Uses) -> Mapping[tuple[Sort, str], Opened]:
        """What `uses` names, open; Misconfigured with the place of the first that does not open."""
        found: dict[tuple[Sort, str], Opened] = {}
        for place, use in uses.items():
            done = self._done.get(id(use)) or await self._open(use)
            if isinstance(done[1], Misconfigured):
                raise done[1]
            found[place] = done[1]
        return found

    async def keep(self, uses: Uses) -> None:
        """What serves already goes on serving, and whatever was taken over from it meanwhile stays so."""
        for use in uses.values():
            await self._means.instances.acquire(use, self._stack, as_it_is=True)

    async def _open(self, use: Use) -> tuple[Use, Opened | Misconfigured]:
        outcome: Opened | Misconfigured
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                outcome = await self._means.instances.acquire(
                    use, self._stack, rehearsal=self._rehearsal, patient=self._patient
                )
        except TimeoutError:
            outcome = _unopened(use, f"no answer within {OPEN_SECONDS:g} seconds")
        except GatewayError as error:
            outcome = _unopened(use, error.detail)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            outcome = _unopened(use, "it gave up by itself")
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything
            _log.error("an instance does not open", extra={"provider": use.declared.key, **about(error)})
            outcome = _unopened(use, type(error).__name__)
        self._done[id(use)] = (use, outcome)
        return use, outcome


def _unopened(use: Use, why: str) -> Misconfigured:
    declared = use.declared
    where = f"{declared.mark.file}:{declared.mark.line}: " if declared.mark else ""
    return Misconfigured(f"{where}{declared.type_name} {declared.key!r} does not open: {why}")
