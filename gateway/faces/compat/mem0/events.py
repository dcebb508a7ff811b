"""Events of mem0's: what an add came to. Everything is done when the add is answered, so its id says all of it.

The id of an event holds the ids of what was kept, and nothing is stored for it; whoever asks must be able to read them.
"""

import base64
import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.domain.errors import NotFound
from gateway.faces.compat.mem0.serving import find, reply
from gateway.faces.compat.mem0.showing import item
from gateway.faces.http.exchange import Exchange, Reply

_MARK: Final = "evt-"
_MOST: Final = 1000


def event_id(ids: Sequence[str]) -> str:
    return _MARK + base64.urlsafe_b64encode(msgspec.msgpack.encode([_short(each) for each in ids])).decode().rstrip("=")


def ids_of(event: str) -> list[str]:
    """NotFound for what is no event of ours."""
    try:
        coded = event.removeprefix(_MARK)
        raw = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(raw, type=list[Any])
        if event.startswith(_MARK) and len(found) <= _MOST:
            return [str(uuid.UUID(bytes=each)) if isinstance(each, bytes) else str(each) for each in found]
    except (ValueError, msgspec.DecodeError):
        pass  # the one answer for every id that is not ours
    raise NotFound("no event with this id", code="no_event")


async def event(exchange: Exchange) -> Reply:
    """What is left of what the event added."""
    id_ = exchange.path["event_id"]
    results: list[dict[str, object]] = []
    times: list[str] = []
    for memory_id in ids_of(id_):
        try:
            shown = item((await find(exchange, memory_id)).memory)
        except NotFound:
            continue  # deleted since, or never the caller's
        results.append({"id": shown["id"], "data": {"memory": shown["memory"]}, "event": "ADD"})
        times.append(shown["created_at"])
    at = max(times, default=None)
    return reply(
        {"id": id_, "event_type": "ADD", "status": "SUCCEEDED", "payload": {}, "metadata": None, "results": results,
         "created_at": at, "updated_at": at}
    )  # fmt: skip


def _short(id_: str) -> bytes | str:
    try:
        known = uuid.UUID(id_)
    except ValueError:
        return id_
    return known.bytes if str(known) == id_ else id_
