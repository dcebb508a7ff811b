"""Handing out all that is kept of a person, across routes, page by page: the mirror of erasing it.

Each place that routes share is read once, through the first route that keeps something there, so what is sealed comes out
readable. Copies in mirrors and caches are not told again.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.domain.errors import NotFound
from gateway.domain.filters import Compare
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Position, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record, kinds_kept
from gateway.domain.scope import Reach
from gateway.runtime.bound import BoundRoute
from gateway.runtime.tenancy import BoundTenant
from gateway.services.call import Everywhere, Operation
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, before_read
from gateway.services.subjects.person import Families, OfPerson, kinds_of, named
from gateway.services.views import content_of


class Export(OfPerson, frozen=True, kw_only=True):
    kinds: Families | None = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="Records of a page.")] = 200
    cursor: str | None = None
    format: Annotated[
        Literal["json", "jsonl"], Meta(description="jsonl: one record a line, then one with the cursor.")
    ] = "json"


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """One kept thing, with all of it but its vector. `content` is the client's own: text, or the JSON it sent."""

    kind: Kind
    id: str
    route: str
    space: str
    user_id: str | None
    agent_id: str | None
    run_id: str | None
    role: str | None
    content: Any
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    version: int


class ExportPage(msgspec.Struct, frozen=True, kw_only=True):
    """`cursor` leads to the next page; null on the last."""

    records: list[Exported]
    cursor: str | None


class _Source(msgspec.Struct, frozen=True):
    route: BoundRoute
    reach: Reach
    where: Where

    @property
    def key(self) -> bytes:
        return self.route.cursor_key


async def export(whole: Everywhere, request: Export) -> ExportPage:
    """Memories with their history, sessions with all that is in them, checkpoints: oldest first within each place."""
    user = named(whole, request.user_id)
    sources = list(
        _sources(whole.tenant, whole.principal.tenant, user, _readable(whole, kinds_of(whole, request.kinds)))
    )
    number, after = _from(sources, request.cursor)
    records: list[Exported] = []
    while number < len(sources) and len(records) < request.limit:
        source = sources[number]
        scan = Scan(where=source.where, limit=request.limit - len(records), order=Order.OLDEST, after=after)
        call = whole.on(source.route, user)
        if await before_read(call, Event.LIST) is None:
            number, after = number + 1, None
            continue
        page = await source.route.provider.scan(source.reach, scan)
        shown = await after_records(call, Event.LIST, page.records)
        records += [_shown(source.route.name, each) for each in shown]
        after = page.next
        number += after is None
    return ExportPage(records=records, cursor=_to(sources, number, after))


def _readable(whole: Everywhere, kinds: frozenset[Kind]) -> frozenset[Kind]:
    """What was kept aside is shown to those alone who decide about it: no model is to read it."""
    return kinds if Role.OPERATOR in whole.principal.roles else kinds - {Kind.QUARANTINE}


def lines_of(request: Export, page: ExportPage) -> str | None:
    if request.format != "jsonl":
        return None
    rows: list[Any] = [*page.records, *([{"cursor": page.cursor}] if page.cursor is not None else [])]
    return "".join(msgspec.json.encode(each).decode() + "\n" for each in rows)


def _sources(tenant: BoundTenant, name: str, user: str, kinds: frozenset[Kind]) -> Iterator[_Source]:
    """Each place and kind once."""
    told: dict[tuple[str, str, bool], frozenset[Kind]] = {}
    for _, route in sorted(tenant.routes.items()):
        space = route.config.layer.space
        held = kinds_kept(route.config.families)
        for noted in (False, True):
            if noted and "user" not in route.config.scope.context:
                continue
            place = (route.provider_name, space, noted)
            mine = kinds & held & route.capabilities.kinds - told.get(place, frozenset())
            if not mine:
                continue
            told[place] = told.get(place, frozenset()) | mine
            reach = Reach(name, space, "" if noted else user, None, None)
            where = Where(mine, Compare("eq", user, field="user") if noted else None)
            yield _Source(route, reach, where)


def _from(sources: list[_Source], cursor: str | None) -> tuple[int, Position | None]:
    if cursor is None:
        return 0, None
    first, dot, sealed = cursor.partition(".")
    if not dot or not first.isascii() or not first.isdigit() or not int(first) < len(sources):
        raise NotFound("this cursor belongs to no page here", code="bad_cursor", at="cursor")
    source = sources[int(first)]
    return int(first), unseal(source.key, sealed, source.reach, source.where) if sealed else None


def _to(sources: list[_Source], number: int, after: Position | None) -> str | None:
    if number >= len(sources):
        return None
    source = sources[number]
    return f"{number}." + (seal(source.key, after, source.reach, source.where) if after is not None else "")


def _shown(route: str, record: Record) -> Exported:
    scope, origin = record.scope, record.provenance
    return Exported(
        kind=record.kind,
        id=record.id,
        route=route,
        space=scope.space,
        user_id=scope.user or origin.user or None,
        agent_id=scope.agent or origin.agent or None,
        run_id=scope.run or origin.run or None,
        role=record.role or None,
        content=content_of(record),
        metadata=record.metadata,
        created_at=record.created_at,
        updated_at=record.updated_at,
        expires_at=record.expires_at,
        version=record.version,
    )


EXPORT: Operation[Export, ExportPage] = Operation(
    name="subject.export", op="list", family=Family.MEMORY, role=Role.READER, run=export, everywhere=True
)
