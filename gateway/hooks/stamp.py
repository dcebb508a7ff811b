"""Puts declared metadata on whatever is written: when, by which route and credential, and constants.

A key that the client has given is taken over: a stamp says what the gateway knows. Knows nothing of what it stamps.
"""

from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.domain.hooking import WRITES, HookContext, Moment, Outcome, before, modify, proceed
from gateway.domain.ports import Kit

__all__ = ["Stamp"]

Known: TypeAlias = Literal[
    "time", "tenant", "route", "principal", "user", "agent", "session", "ip", "request_id", "source_kind"
]

_DONE: Final = proceed()


class StampOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    fields: Annotated[
        dict[str, Known], Meta(description="Key of the metadata -> what it gets; what a request lacks is left out.")
    ] = {}
    constants: Annotated[dict[str, Any], Meta(description="Key of the metadata -> its value.")] = {}


class Stamp:
    type_name: ClassVar[str] = "stamp"
    Options: ClassVar[type[StampOptions]] = StampOptions
    moments: ClassVar[frozenset[Moment]] = before(*WRITES)
    usual: ClassVar[frozenset[Moment]] = moments

    def __init__(self, options: StampOptions, kit: Kit) -> None:
        self._options = options

    async def open(self, stack: AsyncExitStack) -> None:
        return

    async def run(self, context: HookContext) -> Outcome:
        if context.record is None:
            return _DONE
        stamped = {key: value for key, name in self._options.fields.items() if (value := _value(context, name))}
        if not stamped and not self._options.constants:
            return _DONE
        return modify(metadata={**context.metadata, **self._options.constants, **stamped})


def _value(context: HookContext, name: Known) -> str:
    match name:
        case "time":
            return context.at.isoformat()
        case "principal":
            return context.principal.id if context.principal is not None else ""
        case "user":
            return context.user.id if context.user is not None else ""
        case _:
            return getattr(context, name)
