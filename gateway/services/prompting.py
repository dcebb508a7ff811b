"""What a conversation with a language model is given to remember, and where it is led.

Waits for memories no longer than the route says, and goes on without them where it says so. A block that is in the
conversation already is not put there a second time, and is never kept as if somebody had said it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.config.model import ContextBlock, Proxy
from gateway.domain.errors import DeadlineExceeded, Forbidden, NotFound, Unavailable
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.runtime.bound import BoundRoute
from gateway.runtime.facts import Facts
from gateway.runtime.snapshot import Snapshot
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.context import render
from gateway.services.memories.reading import MEMORIES
from gateway.services.memories.searching import MAX_QUERY, Search, recall
from gateway.upstreams.carried import Upstream


class Prompted(Scoped, frozen=True, kw_only=True):
    """`query` is the last thing the user said; `said` all texts of the conversation."""

    query: str
    said: Sequence[str] = ()
    model: str = ""


class Led(msgspec.Struct, frozen=True, kw_only=True):
    """`block` is "" where nothing is to be added. `degraded` is the code of what kept memories away."""

    upstream: Upstream
    proxy: Proxy
    settings: ContextBlock
    block: str = ""
    ids: tuple[str, ...] = ()
    degraded: str = ""


def lead(snapshot: Snapshot, principal: Principal, facts: Facts, model: str) -> Led:
    """Where a request leads that is about nobody's memories."""
    principal.require(Role.READER)
    principal.touch(Family.MEMORY)
    route, _ = snapshot.route(principal, facts)
    return _led(route, model)


def _led(route: BoundRoute, model: str) -> Led:
    layer, upstream = route.config.layer, route.upstream
    if upstream is None:
        raise NotFound("this route leads to no language model", code="no_upstream")
    if not any(_fits(pattern, model) for pattern in layer.proxy.models):
        raise Forbidden("this route does not lead to that model", code="model_not_allowed", at="model")
    return Led(upstream=upstream, proxy=layer.proxy, settings=layer.context)


async def prompt(call: Call, request: Prompted) -> Led:
    led = _led(call.route, request.model)
    layer, proxy = call.route.config.layer, led.proxy
    if proxy.auto_store:
        call.principal.require(Role.WRITER)
    if not proxy.inject.memories or not request.query.strip() or holds_block(layer.context, request.said):
        return led
    try:
        async with asyncio.timeout(proxy.inject.timeout.seconds):
            recalled = await recall(call, Search(query=request.query[:MAX_QUERY]), MEMORIES)
    except TimeoutError:
        return _without(call, led, DeadlineExceeded("memories were not found in time", code="memories_late"))
    except (Unavailable, DeadlineExceeded) as error:
        return _without(call, led, error)
    return msgspec.structs.replace(
        led, block=render(layer.context, list(recalled.hits)), ids=tuple(each.record.id for each in recalled.hits)
    )


def _without(call: Call, led: Led, error: Unavailable | DeadlineExceeded) -> Led:
    if led.proxy.inject.on_error == "refuse":
        raise error
    call.route.fault("not_injected")
    return msgspec.structs.replace(led, degraded=error.code)


def holds_block(settings: ContextBlock, said: Sequence[str]) -> bool:
    return bool(settings.header) and any(settings.header in text for text in said)


def without_block(settings: ContextBlock, text: str) -> str:
    """The text without any block of memories that stands in it, to the end of the block's paragraph."""
    while settings.header and settings.header in text:
        before, _, after = text.partition(settings.header)
        text = before + after.partition("\n\n")[2]
    return text.strip()


def _fits(pattern: str, model: str) -> bool:
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern


PROMPT: Final[Operation[Prompted, Led]] = Operation(
    name="prompt", op="search", family=Family.MEMORY, role=Role.READER, run=prompt
)
