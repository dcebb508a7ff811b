"""mem0's hosted platform, through its own AsyncMemoryClient.

The platform makes its own ids and may take its time: what was written is looked for by a mark in its metadata, and
whoever must know that it is there asks for the event until it has ended. Several requests go out at once, none twice.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.domain.ports import Learned
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.mem0.kept import Kept, Write, last_day, metadata_of, text_of
from gateway.providers.mem0.naming import MARK, group_of, made_by_mem0, narrowing, owner_of, spelt
from gateway.providers.mem0.options import Mem0Options
from gateway.providers.mem0.starting import hosted_client, imported

_PAGE: Final = 200
_IDS: Final = 50  # asked for in one request
_AT_ONCE: Final = 8
_LISTINGS: Final = 5
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # between two looks at an event; the last is repeated
_EVENTS: Final = {"ADD", "UPDATE", "DELETE", "NONE"}
Result = TypeVar("Result")


class Hosted:
    def __init__(self, options: Mem0Options, home: Path, name: str) -> None:
        self._options = options
        self._home = home
        self._name = name
        self._client: Any = None
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def open(self, stack: AsyncExitStack) -> None:
        """Misconfigured where the key is of another organisation or project than the options say."""
        options = self._options
        key = options.api_key.reveal() if options.api_key else None
        if key is None and "/" in self._name:
            # The environment's key is the operator's: a tenant's own declaration must bring its own.
            raise Misconfigured("a tenant's mem0 provider needs its own `api_key`", code="no_api_key")

        def connect() -> Any:
            mem0 = imported(self._home / Path(options.folder).expanduser())
            return hosted_client(mem0, key, options.host, options.timeout.seconds)

        client = await asyncio.to_thread(connect)
        stack.push_async_callback(client.async_client.aclose)
        for what, told, wanted in (
            ("org_id", client.org_id, options.org_id), ("project_id", client.project_id, options.project_id),
        ):  # fmt: skip
            if wanted is not None and told != wanted:
                raise Misconfigured(
                    f"`{what}` is {wanted!r}, but the api_key belongs to {told!r}", code="other_account"
                )
        self._client = client

    async def find(self, tenant: str, ids: Sequence[str]) -> Sequence[Kept]:
        asked = [self._find(tenant, part) for part in _parts(ids, _IDS)]
        made = [self._get(id_) for id_ in ids if made_by_mem0(id_)]
        found = [each for part in await _together(asked) for each in part]
        return [*found, *(each for each in await _together(made) if each is not None)]

    async def _find(self, tenant: str, ids: Sequence[str]) -> list[Kept]:
        named = [{"metadata": {f"{MARK}_id": spelt(id_)}} for id_ in ids]
        kinds = [{"metadata": {f"{MARK}_tenant": group_of(tenant, kind)}} for kind in sorted(KINDS_OF[Family.MEMORY])]
        which = named[0] if len(named) == 1 else {"OR": named}
        return await self._list({"AND": [{"user_id": "*"}, {"OR": kinds}, which]})

    async def _get(self, place: str) -> Kept | None:
        missing = _not_found()
        async with self._places:
            try:
                return _kept(await self._client.get(place))
            except missing:
                return None

    async def listed(self, reach: Reach, kind: Kind) -> Sequence[Kept]:
        return await self._list(_filters(reach, kind))

    async def mortal(self) -> Sequence[Kept]:
        return await self._list({"AND": [{"user_id": "*"}, {"metadata": {f"{MARK}_expires": "yes"}}]})

    async def _list(self, filters: dict[str, Any]) -> list[Kept]:
        """Every page. Where the number changed meanwhile, something may have slipped between two: once more, then."""
        found: dict[str, Kept] = {}
        for _ in range(_LISTINGS):
            totals: list[int] = []
            async for total, items in self._pages(filters):
                totals.append(total)
                found |= {each.place: each for each in map(_kept, items)}
            if len(set(totals)) <= 1:
                break
        return list(found.values())

    async def _pages(self, filters: dict[str, Any]) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
        number = 1
        while True:
            async with self._places:
                page = await self._client.get_all(filters=filters, page=number, page_size=_PAGE, show_expired=True)
            items = page["results"]
            yield int(page.get("count", len(items))), items
            if not page.get("next") or not items:
                return
            number += 1

    async def write(self, writes: Sequence[Write]) -> None:
        await _together([self._write(each) for each in writes])

    async def _write(self, write: Write) -> None:
        record, before = write.record, write.before
        text, metadata, day = text_of(record), metadata_of(record), last_day(record)
        if write.place is not None and before is not None:
            if (before.scope, before.kind) == (record.scope, record.kind):
                async with self._places:
                    await self._client.update(write.place, text=text, metadata=metadata, expiration_date=day)
                return
            await self.remove([write.place])  # what has expired may give way to another owner; mem0 moves nothing
        owner = owner_of(record.scope, record.kind)
        messages = [{"role": record.role if record.role in ("user", "assistant") else "user", "content": text}]
        async with self._places:
            told = await self._client.add(messages, user_id=owner, metadata=metadata, expiration_date=day, infer=False)
        await self._ended(told, self._options.timeout.seconds)

    async def remove(self, places: Sequence[str]) -> None:
        await _together([self._remove(place) for place in places])

    async def _remove(self, place: str) -> None:
        missing = _not_found()
        async with self._places:
            try:
                await self._client.delete(place)
            except missing:
                return

    async def search(self, reach: Reach, question: str, limit: int) -> Sequence[tuple[Kept, float]]:
        more = {"rerank": True} if self._options.rerank else {}
        async with self._places:
            found = await self._client.search(
                question, filters=_filters(reach, Kind.MEMORY), top_k=limit, threshold=0.0, show_expired=True, **more
            )
        return [(_kept(each), float(each.get("score") or 0.0)) for each in found["results"]]

    async def learn(self, messages: Sequence[dict[str, str]], template: Record, *, wait: bool) -> Sequence[Learned]:
        async with self._places:
            told = await self._client.add(
                list(messages), user_id=owner_of(template.scope, Kind.MEMORY), metadata=metadata_of(template),
                expiration_date=last_day(template), infer=True, **self._options.extraction,
            )  # fmt: skip
        if not wait:
            return []
        results = await self._ended(told, self._options.extract_timeout.seconds)
        return [_learned(each) for each in results if each.get("event") in _EVENTS]

    async def ping(self) -> None:
        async with self._places:
            (await self._client.async_client.get("/v1/ping/")).raise_for_status()

    async def _ended(self, told: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
        """The results of what was accepted, when it has ended; Unavailable where it failed or takes too long."""
        until = time.monotonic() + seconds
        looks = 0
        while told.get("status") in ("PENDING", "RUNNING"):
            if time.monotonic() > until:
                raise Unavailable(f"{self._name}: mem0 has not come to an end in {seconds:g} s", code="timeout")
            await asyncio.sleep(_PAUSES[min(looks, len(_PAUSES) - 1)])
            looks += 1
            async with self._places:
                answer = await self._client.async_client.get(f"/v1/event/{told.get('event_id') or told['id']}/")
            answer.raise_for_status()
            told = answer.json()
        if told.get("status") == "FAILED":
            raise Unavailable(f"{self._name}: mem0 accepted what it was told, and failed over it", code="failed")
        return told.get("results") or []


def _filters(reach: Reach, kind: Kind) -> dict[str, Any]:
    exact = reach.exact()
    if exact is not None:
        return {"AND": [{"user_id": owner_of(exact, kind)}]}
    marks = {f"{MARK}_tenant": group_of(reach.tenant, kind), **narrowing(reach)}
    return {"AND": [{"user_id": "*"}, *({"metadata": {key: value}} for key, value in marks.items())]}


def _kept(item: dict[str, Any]) -> Kept:
    metadata: dict[str, Any] = item.get("metadata") or {}
    return Kept(item["id"], item["memory"], item.get("user_id") or "", metadata, item.get("created_at") or "")


def _learned(result: dict[str, Any]) -> Learned:
    data: dict[str, Any] = result.get("data") or {}
    return Learned(id=result["id"], text=str(result.get("memory") or data.get("memory", "")), event=result["event"])


def _not_found() -> type[Exception]:
    return import_module("mem0.exceptions").MemoryNotFoundError


def _parts(ids: Iterable[str], size: int) -> list[list[str]]:
    each = iter(ids)
    return list(iter(lambda: list(islice(each, size)), []))


async def _together(work: Sequence[Awaitable[Result]]) -> list[Result]:
    """All of it, to its end, also where some fails: nothing may go on behind the back of who asked."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if not isinstance(each, BaseException)]
