"""mem0's library in this process: an AsyncMemory over the vector store, embedder and model of the `config` block.

Memories are written to mem0's vector store as its own `add` writes them, many at a time and under ids that follow from
ours, so that a repeated write can never make a second one. Search, extraction and deletion are mem0's own. Blocking
work never runs on the gateway's loop; an embedded store is used by one thread at a time.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import Unavailable
from gateway.domain.ids import keyed_id
from gateway.domain.ports import Learned
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.mem0.aside import Aside
from gateway.providers.mem0.embeddings import Embeddings, Vector
from gateway.providers.mem0.forgetful import NoHistory, TakingTurns
from gateway.providers.mem0.kept import Kept, Write, last_day, metadata_of, text_of
from gateway.providers.mem0.naming import MARK, group_of, made_by_mem0, narrowing, owner_of
from gateway.providers.mem0.options import Mem0Options, local_path
from gateway.providers.mem0.starting import imported, library

_ALL: Final = 1_000_000  # mem0 lists twenty unless it is told
_CLOSING: Final = 10.0
_OWN: Final = frozenset(
    {"data", "hash", "created_at", "updated_at", "text_lemmatized", "user_id", "agent_id", "run_id"}
)
_NOBODY: Final = str(uuid.UUID(int=0))


class Inside:
    def __init__(self, options: Mem0Options, config: dict[str, Any], home: Path, name: str) -> None:
        self._options = options
        self._config = config
        self._home = home
        self._seconds = options.timeout.seconds
        self._name = name
        self._beside: Aside | None = None
        self._memory: Any = None
        self._embeddings: Embeddings | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Build mem0, warm up its embedder, and make what is missing in its store."""
        self._beside = Aside(self._options.threads, f"mem0-{self._name}")
        self._beside.start()
        stack.push_async_callback(self._beside.close, _CLOSING)
        self._memory = await asyncio.to_thread(self._build)
        stack.push_async_callback(asyncio.to_thread, self._close)
        stack.push_async_callback(self._beside.drain, _CLOSING)
        blank = await self._call(self._warm)
        self._embeddings = Embeddings(self._memory.embedding_model, blank, self._call)

    def _build(self) -> Any:
        folder = self._home / Path(self._options.folder).expanduser()
        memory = library(imported(folder), self._config, self._home, self._seconds)
        memory.db.close()
        memory.db = NoHistory()
        if local_path(self._config) is not None and hasattr(memory.vector_store, "client"):
            memory.vector_store.client = TakingTurns(memory.vector_store.client)
        return memory

    def _warm(self) -> Vector:
        memory = self._memory
        blank: Vector = memory.embedding_model.embed("nothing", "add")
        memory.vector_store.get(vector_id=_NOBODY)
        # Made now: mem0 cleans up the entities of what it deletes only where it has looked at them before.
        memory.entity_store  # noqa: B018 -- a property that makes its collection
        return blank

    def _close(self) -> None:
        memory, self._memory = self._memory, None
        client: Any = getattr(memory.vector_store, "client", None) or getattr(
            memory.vector_store, "connection_pool", None
        )
        if hasattr(client, "close"):
            client.close()

    async def find(self, tenant: str, ids: Sequence[str]) -> Sequence[Kept]:
        wanted = [*(_point(tenant, id_) for id_ in ids), *(id_ for id_ in ids if made_by_mem0(id_))]
        return await self._call(lambda: self._rows(map(self._get, wanted)))

    async def listed(self, reach: Reach, kind: Kind) -> Sequence[Kept]:
        return await self._list(_filters(reach, kind))

    async def mortal(self) -> Sequence[Kept]:
        return await self._list({f"{MARK}_expires": "yes"})

    async def _list(self, filters: dict[str, Any]) -> Sequence[Kept]:
        def work() -> list[Kept]:
            rows = self._memory.vector_store.list(filters=filters, top_k=_ALL)
            # Some stores answer with the rows, some with the rows in a list or beside a cursor.
            return self._rows(rows[0] if rows and isinstance(rows[0], list) else rows)

        return await self._call(work)

    async def write(self, writes: Sequence[Write]) -> None:
        assert self._embeddings is not None  # noqa: S101 -- it is open
        vectors = await self._embeddings.of([text_of(each.record) for each in writes])

        def work() -> None:
            new = [(each, vector) for each, vector in zip(writes, vectors, strict=True) if each.place is None]
            if new:
                self._memory.vector_store.insert(
                    vectors=[vector for _, vector in new],
                    ids=[_point(each.record.scope.tenant, each.record.id) for each, _ in new],
                    payloads=[_payload(each.record) for each, _ in new],
                )
            for each, vector in zip(writes, vectors, strict=True):
                if each.place is not None:
                    self._memory.vector_store.update(vector_id=each.place, vector=vector, payload=_payload(each.record))

        await self._call(work)

    async def remove(self, places: Sequence[str]) -> None:
        """Never `delete_all`: it deletes side by side, and what it deletes comes back after a restart."""

        async def work() -> None:
            for place in places:
                try:
                    await self._memory.delete(place)
                except ValueError:  # what mem0 says of an id that is not there
                    if await asyncio.to_thread(self._get, place) is not None:
                        raise

        await self._aside.run(work, self._seconds + 0.1 * len(places))

    async def search(self, reach: Reach, question: str, limit: int) -> Sequence[tuple[Kept, float]]:
        asked = partial(
            self._memory.search, question, filters=_filters(reach, Kind.MEMORY), top_k=limit, threshold=0.0,
            rerank=self._options.rerank, show_expired=True,
        )  # fmt: skip
        found = await self._aside.run(asked, self._seconds)
        return [(_told(each), float(each["score"])) for each in found["results"]]

    async def learn(self, messages: Sequence[dict[str, str]], template: Record, *, wait: bool) -> Sequence[Learned]:
        """Always waits: what was promised must not get lost with the process."""
        owner = owner_of(template.scope, Kind.MEMORY)
        # mem0 makes procedural memories of agents alone: whose it is, is what it calls the agent.
        agent = {"agent_id": owner} if self._options.procedural else {}
        found: dict[str, Any] = await self._aside.run(
            partial(
                self._memory.add, list(messages), user_id=owner, **agent, **self._options.extraction,
                run_id=group_of(template.scope.tenant, Kind.MEMORY), expiration_date=last_day(template), infer=True,
                metadata={**metadata_of(template), "created_at": template.created_at.isoformat()},
            ),
            self._options.extract_timeout.seconds,
        )  # fmt: skip
        return [Learned(id=each["id"], text=each["memory"], event=each["event"]) for each in found["results"]]

    async def ping(self) -> None:
        await self._call(lambda: self._get(_NOBODY))

    async def _call(self, work: Callable[[], Any]) -> Any:
        return await self._aside.call(work, self._seconds)

    @property
    def _aside(self) -> Aside:
        if self._beside is None:
            raise Unavailable(f"{self._name} is not open", code="closed")
        return self._beside

    def _get(self, place: str) -> Any:
        return self._memory.vector_store.get(vector_id=place)

    @staticmethod
    def _rows(rows: Iterable[Any]) -> list[Kept]:
        return [_kept(row) for row in rows if row is not None]


def _point(tenant: str, id_: str) -> str:
    return keyed_id("mem0", tenant, id_)


def _filters(reach: Reach, kind: Kind) -> dict[str, Any]:
    exact = reach.exact()
    if exact is not None:
        return {"user_id": owner_of(exact, kind)}
    return {"run_id": group_of(reach.tenant, kind), **narrowing(reach)}


def _payload(record: Record) -> dict[str, Any]:
    """As mem0's own `add` makes it."""
    text = text_of(record)
    lemmas = import_module("mem0.utils.lemmatization").lemmatize_for_bm25(text[:8_000])
    found = {
        "user_id": owner_of(record.scope, record.kind),
        "run_id": group_of(record.scope.tenant, record.kind),
        "data": text,
        "hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "text_lemmatized": lemmas,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        **metadata_of(record),
    }
    if record.role:
        found["role"] = record.role
    day = last_day(record)
    return found if day is None else {**found, "expiration_date": day}


def _kept(row: Any) -> Kept:
    payload: dict[str, Any] = row.payload or {}
    rest = {key: value for key, value in payload.items() if key not in _OWN}
    owner, at = str(payload.get("user_id", "")), str(payload.get("created_at", ""))
    return Kept(str(row.id), str(payload.get("data", "")), owner, rest, at)


def _told(item: dict[str, Any]) -> Kept:
    metadata: dict[str, Any] = item.get("metadata") or {}
    return Kept(item["id"], item["memory"], item.get("user_id") or "", metadata, item.get("created_at") or "")
