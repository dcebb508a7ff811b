"""Making a session before its first message: its id comes from the route's template, or from the client."""

import re
from typing import Any, Final

import msgspec

from gateway.domain.errors import Conflict, Malformed
from gateway.domain.hooking import Event
from gateway.domain.ids import keyed_id
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.domain.scope import Reach, check_part
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_write, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.memories.changing import ATTEMPTS
from gateway.services.sessions.opening import embedded, opened, own_id
from gateway.services.sessions.showing import Session, show_session

_VARIABLE: Final = re.compile(r"\{(user|agent|uuid)\}")


class NewSession(Scoped, frozen=True, kw_only=True):
    """With `run_id`, that is the session's id; else one is made."""

    metadata: dict[str, Any] = {}


async def mint(call: Call, request: NewSession) -> Session:
    """The new session; or, where one with this id is there already, that one as it is."""
    check_metadata(call, request.metadata)
    stamp = call.route.mint.stamp()
    scope = msgspec.structs.replace(call.scope, run=call.scope.run or _new_id(call, stamp.id))
    for _ in range(ATTEMPTS):
        # Looked at first: putting it all again would bring back the prefill of a session that was cleared.
        there = (await call.route.provider.get(Reach.only(scope), [own_id(scope, Kind.SESSION)]))[0]
        if there is not None:
            return show_session(there, created=False)
        *prefill, session = opened(call, scope, stamp, request.metadata)
        session, event = await before_write(call, Event.APPEND, session)
        if event:
            return show_session(session, created=False)
        records = await embedded(call, [*prefill, session])
        if (await call.route.provider.put(records))[-1]:
            await after_write(call, Event.APPEND, session)
            return show_session(records[-1], created=True)
    raise Conflict("this session comes and goes too fast; try again", code="contended")


def _new_id(call: Call, uuid: str) -> str:
    if call.idempotency_key:
        uuid = keyed_id(call.principal.tenant, "mint", call.principal.id, call.idempotency_key)
    values = {"user": call.parts.user, "agent": call.parts.agent, "uuid": uuid}
    template = call.route.config.layer.session.id
    for name in _VARIABLE.findall(template):
        if not values[name]:
            raise Malformed(f"this route makes session ids of {name}_id", code="missing_scope_part", at=f"{name}_id")
    return check_part(_VARIABLE.sub(lambda found: values[found[1]], template), "session_id")


MINT: Operation[NewSession, Session] = Operation(
    name="session.mint", op="add", family=Family.MESSAGE, role=Role.WRITER, run=mint
)
