"""The port of hooks: what a type of hook is. Knows no type."""

from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from gateway.domain.hooking.context import HookContext
from gateway.domain.hooking.moments import Moment
from gateway.domain.hooking.outcomes import Outcome


@runtime_checkable
class Hook(Protocol):
    """A hook of some type.

    `type_name` is its `type:` in YAML, `Options` the struct of its own keys there. `moments` are all it can be asked
    at, `usual` those that the bare name of an event stands for, and that it is asked at without `on:`. The constructor
    does no I/O and gets a Kit: its name, the clock, and `home`, where relative paths of options start. An instance lives
    as long as its declaration stays the same, through every reload, and is shared by all routes that name it: state
    belongs on it, in a bounded form, and never in the module.
    """

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]
    moments: ClassVar[frozenset[Moment]]
    usual: ClassVar[frozenset[Moment]]

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, load, and push the clean-up on the caller's stack."""
        ...

    async def run(self, context: HookContext) -> Outcome:
        """Decide. Called many times at once. A GatewayError raised here is the hook's failure, told by its code where
        `on_failure` is reject; anything else raised is told as `hook_failed`."""
        ...


@runtime_checkable
class Forgetting(Protocol):
    """A hook that keeps something of persons outside of the backends."""

    async def forget(self, tenant: str, user: str, until: datetime | None) -> int:
        """Erases what this process can reach of what was kept by then, or of all; how much that was. Idempotent.
        Whatever it raises says that it is not done."""
        ...
