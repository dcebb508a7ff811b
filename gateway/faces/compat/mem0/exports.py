"""Exports: the memories that a filter finds, as items. Nothing is stored for one; its id holds the question, which is asked
again, under the rights of whoever brings it, when it is fetched."""

import base64
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import NotFound
from gateway.faces.compat.mem0.asking import ENTITIES, body_of, text_of
from gateway.faces.compat.mem0.finding import about, listing
from gateway.faces.compat.mem0.serving import reply
from gateway.faces.http.exchange import Exchange, Reply

_ASKED: Final = frozenset({*ENTITIES, "app_id", "filters"})
_MADE: Final = _ASKED | {"schema", "export_instructions", "version"}
_MOST: Final = 1000


async def created(exchange: Exchange) -> Reply:
    asked = {name: value for name, value in body_of(exchange.body, _MADE).items() if name in _ASKED}
    about(exchange, asked)  # refused now rather than when it is fetched
    id_ = base64.urlsafe_b64encode(msgspec.msgpack.encode(asked)).decode().rstrip("=")
    note = "it holds the memories as they are: no model is asked to shape them by the schema"
    return reply({"message": f"Memory export request received; {note}", "id": id_}, 201)


async def fetched(exchange: Exchange) -> Reply:
    asked: dict[str, Any] = body_of(exchange.body, _ASKED | {"memory_export_id"})
    export = text_of(asked, "memory_export_id")
    if export:
        asked = _question(export)
    page = await listing(exchange, {**asked, "page_size": _MOST})
    return reply({"count": page["count"], "memories": page["results"]})


def _question(export: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(export + "=" * (-len(export) % 4), altchars=b"-_", validate=True)
        asked = msgspec.msgpack.decode(raw)
        if isinstance(asked, dict) and cast("dict[str, Any]", asked).keys() <= _ASKED:
            return cast("dict[str, Any]", asked)
    except (ValueError, msgspec.DecodeError):
        pass  # the one answer for every id that is not ours
    raise NotFound("no export with this id", code="no_export")
