"""What a line says of an operation: the fields that are asked for, with values that cannot be read where they could
name a person or quote what they said."""

import re
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from gateway.domain.hooking import MUTATIONS, HookContext, Moment

Field: TypeAlias = Literal[
    "timestamp", "phase", "action", "user", "user_id", "agent", "session", "session_id", "ip", "ip_address", "tenant",
    "route", "principal", "request_id", "target", "content", "query", "results_count", "count", "flags",
    "compliance_flags", "outcome",
]  # fmt: skip
Hiding: TypeAlias = Callable[[str], str]

USUAL: Final[tuple[Field, ...]] = (
    "timestamp", "phase", "action", "tenant", "route", "principal", "user", "agent", "session", "ip", "request_id",
    "target", "content", "query", "results_count", "count", "flags", "outcome",
)  # fmt: skip
_MINTED: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # by a gateway


def phase_of(context: HookContext) -> str:
    """intent: before an effect. outcome: after it. read: what was found. error, reload: as they are called."""
    if context.moment in (Moment.ERROR, Moment.RELOAD):
        return context.moment.value
    if context.event in MUTATIONS:
        return "intent" if context.moment.before else "outcome"
    return "asked" if context.moment.before else "read"


def _principal(context: HookContext, hide: Hiding) -> str | None:
    """The public name of a credential; one that stands for a person is a person's name."""
    if context.principal is None:
        return None
    personal = bool(context.principal.user or context.principal.claims)
    return _hidden(context.principal.id, hide) if personal else context.principal.id


def _target(context: HookContext, hide: Hiding) -> str | None:
    """Ids that a gateway has made say nothing; those that a client has chosen may."""
    target = context.target or (context.record.id if context.record is not None else "")
    return target if _MINTED.fullmatch(target) else _hidden(target, hide)


def _hidden(value: str, hide: Hiding) -> str | None:
    return hide(value) if value else None


_VALUES: Final[dict[Field, Callable[[HookContext, Hiding], Any]]] = {
    "timestamp": lambda context, _: context.at.isoformat(),
    "phase": lambda context, _: phase_of(context),
    "action": lambda context, _: context.operation or context.moment.value,
    "user": lambda context, hide: _hidden(context.user.id if context.user is not None else "", hide),
    "agent": lambda context, hide: _hidden(context.agent, hide),
    "session": lambda context, hide: _hidden(context.session, hide),
    "ip": lambda context, hide: _hidden(context.ip, hide),
    "tenant": lambda context, _: context.tenant or None,
    "route": lambda context, _: context.route or None,
    "principal": _principal,
    "request_id": lambda context, _: context.request_id or None,
    "target": _target,
    "content": lambda context, hide: _hidden(context.memory_content or "", hide),
    "query": lambda context, hide: _hidden(context.memory_query or "", hide),
    "results_count": lambda context, _: len(context.memory_results) if context.memory_results is not None else None,
    "count": lambda context, _: context.count,
    "flags": lambda context, _: list(context.flags),
    "outcome": lambda context, _: context.code or (None if context.moment.before else "ok"),
}
_SAME: Final[dict[Field, Field]] = {
    "user_id": "user", "session_id": "session", "ip_address": "ip", "compliance_flags": "flags",
}  # fmt: skip


def entry(context: HookContext, fields: tuple[Field, ...], hide: Hiding) -> dict[str, Any]:
    """Exactly these fields; null where there is nothing to say."""
    return {name: _VALUES[_SAME.get(name, name)](context, hide) for name in fields}
