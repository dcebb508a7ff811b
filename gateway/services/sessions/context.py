"""The context window of a session: as many of the newest messages as fit, whole calls with their answers, the system
prompt first.

Tokens are those of a message's text and of its tool calls and answers; pictures and other parts count nothing.
"""

from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.hooking import Event
from gateway.domain.ports import Briefs, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.runtime.bound import BoundRoute
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_records, after_text, before_read
from gateway.services.sessions.opening import MESSAGES, check_opened, own_id
from gateway.services.sessions.showing import Message, show_message
from gateway.services.sessions.summing import as_message, stands_for, summaries_of
from gateway.services.sessions.system import current
from gateway.services.sessions.toolcalls import NONE, Tools, read_tools
from gateway.services.sessions.window import Growing, Piece
from gateway.services.walking import walk

_FIRST_PAGE: Final = 32
_LOOK_BACK: Final = 200  # messages between an answer and its call, past the budget


class WindowOf(Scoped, frozen=True, kw_only=True):
    max_tokens: Annotated[int, Meta(ge=1, description="The route's own number where left out.")] | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The system prompt, where one is set, what was summed up of messages that are left out, then the messages, oldest
    first.

    `tokens` is above `max_tokens` only where the newest message with what it belongs to does not fit.
    """

    session_id: str
    messages: list[Message]
    tokens: int
    max_tokens: int
    account: Annotated[
        str | UnsetType, Meta(description="What the backend itself says of the session, where it says something.")
    ] = UNSET


async def context(call: Call, request: WindowOf) -> Window:
    if await before_read(call, Event.GET) is None:
        return _nothing(call, request)
    budget = request.max_tokens or call.route.config.layer.session.context_tokens
    system, summaries = await _head(call)
    told = [as_message(each) for each in summaries]
    head = sum(piece_of(call.route, each).tokens for each in [*system, *told])
    growing = Growing(max(0, budget - head), _LOOK_BACK)
    whole = True
    records: list[Record] = []
    async for record in walk(call.route.provider, call.reach, Where(MESSAGES), first=_FIRST_PAGE):
        records.append(record)
        if not growing.take(piece_of(call.route, record)):
            whole = False
            break
    if not records and not system:
        await check_opened(call)
    length = growing.length()
    if whole and length == len(records) and not stands_for(summaries):  # nothing that they tell of is left out
        head, told = head - sum(piece_of(call.route, each).tokens for each in told), []
    shown = await after_records(call, Event.GET, [*system, *told, *records[:length][::-1]])
    return Window(
        session_id=call.scope.run,
        messages=[show_message(record) for record in shown],
        tokens=head + sum(piece.tokens for piece in growing.newest_first[:length]),
        max_tokens=budget,
        account=await _account(call, records[0].text if records else ""),
    )


async def _head(call: Call) -> tuple[list[Record], list[Record]]:
    """What stands before the messages: the system prompt, and what was summed up."""
    route, reach = call.route, call.reach
    if reach.exact() is None or route.config.layer.session.summaries == "list":
        system = await current(call)
        summaries = await summaries_of(route, reach)
    else:
        ids = [own_id(call.scope, Kind.SYSTEM), own_id(call.scope, Kind.SUMMARY)]
        system, summary = await route.provider.get(reach, ids)
        summaries = [summary] if summary is not None else []
    return [system] if system is not None else [], summaries


async def _account(call: Call, last_said: str) -> str | UnsetType:
    if not call.route.capabilities.briefs:
        return UNSET
    account = (await cast("Briefs", call.route.provider).brief(call.reach, last_said)).context
    return await after_text(call, Event.GET, account, call.scope.run, Kind.SUMMARY) or UNSET


def _nothing(call: Call, request: WindowOf) -> Window:
    budget = request.max_tokens or call.route.config.layer.session.context_tokens
    return Window(session_id=call.scope.run, messages=[], tokens=0, max_tokens=budget)


def piece_of(route: BoundRoute, record: Record) -> Piece:
    tools = tools_of(record)
    tokens = route.count_tokens(record.text) if record.text else 0
    return Piece(tokens + (route.count_tokens(tools.said) if tools.said else 0), tools)


def tools_of(record: Record) -> Tools:
    if record.body is None:
        return NONE
    return read_tools(msgspec.json.decode(record.body, type=dict[str, Any]))


CONTEXT: Operation[WindowOf, Window] = Operation(
    name="session.context", op="get", family=Family.MESSAGE, role=Role.READER, run=context, one_run=True, empty=_nothing
)
