"""Items of a store: put, got, deleted, searched, and the namespaces they are in.

Whose items they are is the credential's and the route's to say: the SDK names nobody. Namespaces are within that.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Conflict, Invalid, NotFound
from gateway.domain.principal import Role
from gateway.domain.scope import PARTS
from gateway.faces.compat.asking import body_of, query_of, request_of
from gateway.faces.compat.langgraph import items
from gateway.faces.compat.langgraph.filters import ANY, check, ours, passes
from gateway.faces.compat.langgraph.items import OURS, Namespace
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.adding import ADD, Add
from gateway.services.memories.changing import UPDATE, Change
from gateway.services.memories.reading import LIST, Listing, One
from gateway.services.memories.removing import DELETE
from gateway.services.memories.searching import SEARCH, Search
from gateway.services.views import Found, Memory

NO_CONTENT: Final = 204
_TRIES: Final = 5
_MOST: Final = 20_000  # items that are looked through for namespaces
_PAGE: Final = 1000
_ASKED: Final = 100  # of a search whose filter may turn some down
_RESERVED: Final = "langgraph"

Count = Annotated[int, Meta(ge=0)]


class Put(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`index`: false, or the paths to what the item is found by; without, every text in it. `ttl` in minutes."""

    namespace: list[str]
    key: str
    value: dict[str, Any]
    index: bool | list[str] | None = None
    ttl: Annotated[float, Meta(gt=0)] | None = None


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    namespace: list[str] = []
    key: str


class Got(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    namespace: str = ""  # labels with dots between them
    key: str
    refresh_ttl: bool | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    namespace_prefix: list[str] = []
    filter: dict[str, Any] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 10
    offset: Count = 0
    query: str | None = None
    refresh_ttl: bool | None = None


class Namespaces(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prefix: list[str] | None = None
    suffix: list[str] | None = None
    max_depth: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Count = 0


async def put(exchange: Exchange) -> Reply:
    """A new item, or a new version of the one that is there. Two that make it at the same time make one."""
    exchange.principal.require(ADD.role)  # before it is looked for
    asked = body_of(exchange.body, Put)
    namespace = checked(asked.namespace)
    if namespace[:1] == (_RESERVED,):
        raise Invalid(f"the first label cannot be {_RESERVED!r}", code="bad_namespace", at="namespace")
    if asked.index is True:
        raise Invalid("index is false or a list of paths", code="invalid_request", at="index")
    indexed, paths = asked.index is not False, asked.index if isinstance(asked.index, list) else None
    kept: dict[str, Any] = {
        "content": items.content(asked.key, asked.value, paths, indexed=indexed),
        "metadata": items.told(namespace, asked.key, asked.value, asked.ttl, indexed=indexed),
    }
    known = await _find(exchange, namespace, asked.key)
    for taken in range(_TRIES):
        try:
            if known:
                await _change(exchange, known[0].id, {**kept, "expires_at": _end(exchange, asked.ttl)})
            else:
                ttl = {} if asked.ttl is None else {"ttl_seconds": 60 * asked.ttl}
                facts = exchange.facts(ADD, idempotency_key=_key(exchange, namespace, asked.key, taken))
                await exchange.perform(ADD, facts, request_of(Add, {**kept, **ttl}))
            return Reply(status=NO_CONTENT)
        except NotFound:
            known = []  # it went since it was found
        except Invalid as error:
            if error.code != "idempotency_mismatch":
                raise
            known = await _find(exchange, namespace, asked.key)  # another one came first
    raise Conflict("this item keeps coming and going", code="contended")


async def got(exchange: Exchange) -> Reply:
    """The item, or null where there is none."""
    asked = query_of(exchange.query, Got)
    known = await _find(exchange, checked(asked.namespace.split(".")), asked.key)
    if not known:
        return Reply(content=b"null")
    await _refresh(exchange, known[:1], asked.refresh_ttl)
    return Reply(content=msgspec.json.encode(items.shown(known[0])))


async def deleted(exchange: Exchange) -> Reply:
    """One that is not there is none the less gone."""
    exchange.principal.require(DELETE.role)
    asked = body_of(exchange.body, Named)
    for memory in await _find(exchange, checked(asked.namespace), asked.key):
        await exchange.perform(DELETE, exchange.facts(DELETE), One(memory_id=memory.id))
    return Reply(status=NO_CONTENT)


async def searched(exchange: Exchange) -> Reply:
    asked = body_of(exchange.body, Wanted)
    prefix, wanted = checked(asked.namespace_prefix, empty=True), asked.offset + asked.limit
    if asked.filter:
        check(asked.filter)
    where = ours(prefix, asked.filter, indexed=bool(asked.query))
    found: list[Memory | Found] = []
    if asked.query:
        size = max(wanted, _ASKED) if asked.filter else wanted
        request = request_of(Search, {"query": asked.query, "top_k": size, "filters": where})
        results = (await exchange.perform(SEARCH, exchange.facts(SEARCH), request)).results
        found += [each for each in results if passes(items.value_of(each), asked.filter or {})]
    else:
        async for memory in _every(exchange, where):
            if passes(items.value_of(memory), asked.filter or {}):
                found.append(memory)
            if len(found) == wanted:
                break
    chosen = found[asked.offset : wanted]
    await _refresh(exchange, chosen, asked.refresh_ttl)
    return Reply(content=msgspec.json.encode({"items": [items.shown(each) for each in chosen]}))


async def namespaces(exchange: Exchange) -> Reply:
    """Goes through the items below what is asked for: no list of namespaces is kept."""
    asked = body_of(exchange.body, Namespaces)
    prefix, suffix = checked(asked.prefix or [], empty=True), checked(asked.suffix or [], empty=True)
    known: set[Namespace] = set()
    looked = 0
    async for memory in _every(exchange, ours(prefix, None, indexed=False, wild=True)):
        looked += 1
        if looked > _MOST:
            raise Invalid(f"there are more than {_MOST} items below this; name a longer prefix", code="too_many_items")
        namespace = items.about(memory).namespace
        if _ends(namespace, suffix):
            known.add(namespace[: asked.max_depth])
    page = sorted(known)[asked.offset : asked.offset + asked.limit]
    return Reply(content=msgspec.json.encode({"namespaces": page}))


def checked(namespace: list[str], *, empty: bool = False) -> Namespace:
    """The labels; Invalid where one is empty or could be taken for two."""
    if not namespace and not empty:
        raise Invalid("a namespace has at least one label", code="bad_namespace", at="namespace")
    for label in namespace:
        if not label or "." in label:
            raise Invalid("labels of a namespace are not empty and hold no dots", code="bad_namespace", at="namespace")
    return tuple(namespace)


def _ends(namespace: Namespace, suffix: Namespace) -> bool:
    part = namespace[len(namespace) - len(suffix) :]
    return len(suffix) <= len(namespace) and all(
        wanted in (ANY, label) for label, wanted in zip(part, suffix, strict=True)
    )


async def _find(exchange: Exchange, namespace: Namespace, key: str) -> list[Memory]:
    """The memories that hold this item, the newest first."""
    where = {f"{OURS}.id": {"eq": items.identity((*namespace, key))}}
    return [each async for each in _every(exchange, where)]


async def _every(exchange: Exchange, where: Mapping[str, Any]) -> AsyncIterator[Memory]:
    cursor: str | None = None
    while True:
        request = request_of(Listing, {"filters": where, "limit": _PAGE, "cursor": cursor})
        page = await exchange.perform(LIST, exchange.facts(LIST), request)
        for each in page.memories:
            yield each
        cursor = page.cursor
        if cursor is None:
            return


async def _refresh(exchange: Exchange, found: list[Memory] | list[Memory | Found], asked: bool | None) -> None:
    """What has a time to live and was read begins it anew, unless the client says otherwise or may not write."""
    if asked is False or Role.WRITER not in exchange.principal.roles:
        return
    for memory in found:
        ttl = items.about(memory).ttl
        if ttl is not None:
            try:
                await _change(exchange, memory.id, {"expires_at": _end(exchange, ttl)})
            except NotFound:
                continue  # it ended meanwhile


async def _change(exchange: Exchange, memory_id: str, values: Mapping[str, Any]) -> None:
    request = request_of(Change, {**values, "memory_id": memory_id})
    await exchange.perform(UPDATE, exchange.facts(UPDATE), request)


def _end(exchange: Exchange, ttl: float | None) -> Any:
    if ttl is None:
        return None
    route, _ = exchange.snapshot.route(exchange.principal, exchange.facts(UPDATE))
    try:
        return route.mint.now() + timedelta(minutes=ttl)
    except OverflowError:
        return None  # later than the calendar goes


def _key(exchange: Exchange, namespace: Namespace, key: str, taken: int) -> str:
    """What makes two that come at the same time one: the same for the same item of the same owner."""
    _, parts = exchange.snapshot.route(exchange.principal, exchange.facts(ADD))
    owner = [text for part in PARTS for text in (part, parts.of(part))]
    return f"{OURS}:{items.identity((*owner, *namespace, key, str(taken)))}"
