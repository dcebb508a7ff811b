"""A stand-in for mem0's hosted platform: the routes and shapes its client uses, over a SQLite file.

What it takes from the real one: ids of its own making; no scope check by id; its own words about the user made of
messages, later than the answer, behind an event; filters with AND, OR, NOT, `*` and one metadata key each; unknown
filter keys are refused; pages. It keeps running numbers of what it was asked under /counts.
Run as `python -m tests.servers.mem0_platform PORT FOLDER`.
"""

import asyncio
import hashlib
import json
import os
import re
import sqlite3
import sys
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import uvicorn

from gateway.domain.ports import Kit
from gateway.embedders.wordllama import WordLlama, WordLlamaOptions
from tests.servers import given
from tests.servers.mem0_filters import ENTITIES, Refused, candidates, passes
from tests.servers.openai import facts, running

KEY = "m0-test-"  # and the name of an account: each has its own memories
ORG, PROJECT = "org-test", "proj-test"
LEARNING = 0.3  # seconds until an extraction has ended
Answer = tuple[int, Any]


class Platform:
    """One account."""

    def __init__(self, file: str, embedder: WordLlama) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # survives a killed process, which is what tests do
        self._db.execute("CREATE TABLE IF NOT EXISTS memories (id TEXT PRIMARY KEY, item TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, item TEXT)")
        rows = self._db.execute("SELECT item FROM memories").fetchall()
        self.memories: dict[str, dict[str, Any]] = {item["id"]: item for item in (json.loads(row) for (row,) in rows)}
        self._marked: dict[tuple[str, Any], dict[str, None]] = {}
        for item in self.memories.values():
            self._index(item)
        self._embedder = embedder
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: dict[str, int] = {}

    async def add(self, asked: dict[str, Any]) -> Answer:
        owner = {key: asked[key] for key in ENTITIES if asked.get(key)}
        if not owner:
            return 400, {"detail": "one of user_id, agent_id, app_id, run_id is needed"}
        event = str(uuid.uuid4())
        if asked.get("infer") is False:
            results = [self._keep(message["content"], owner, asked) for message in asked["messages"]]
            return 200, {"message": "stored", "status": "SUCCEEDED", "event_id": event, "results": results}
        self._event({"id": event, "event_type": "ADD", "status": "PENDING", "results": []})
        task = asyncio.create_task(self._learn(event, owner, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return 200, {"message": "accepted", "status": "PENDING", "event_id": event}

    async def _learn(self, event: str, owner: dict[str, str], asked: dict[str, Any]) -> None:
        await asyncio.sleep(LEARNING)
        if any("FAIL" in message["content"] for message in asked["messages"]):
            self._event({"id": event, "event_type": "ADD", "status": "FAILED", "results": []})
            return
        said = "\n".join(f"{message['role']}: {message['content']}" for message in asked["messages"])
        known = {item["hash"] for item in self.memories.values() if all(item[key] == owner[key] for key in owner)}
        results = [
            self._keep(fact["text"], owner, asked)
            for fact in facts(f"## New Messages\n{said}\n\n## Observation Date")
            if _hash(fact["text"]) not in known
        ]
        self._event({"id": event, "event_type": "ADD", "status": "SUCCEEDED", "results": results})

    def _keep(self, text: str, owner: dict[str, str], asked: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat()
        item: dict[str, Any] = {
            "id": str(uuid.uuid4()), "memory": text, "hash": _hash(text), "metadata": asked.get("metadata") or {},
            "categories": [], "created_at": at, "updated_at": at, "expiration_date": asked.get("expiration_date"),
            **dict.fromkeys(ENTITIES), **owner,
        }  # fmt: skip
        self._store(item)
        return {"id": item["id"], "data": {"memory": text}, "event": "ADD"}

    def _index(self, item: dict[str, Any], *, remove: bool = False) -> None:
        pairs = [
            ("user_id", item["user_id"]),
            *((f"metadata.{k}", v) for k, v in item["metadata"].items() if k != "gateway"),
        ]
        for pair in pairs:
            held = self._marked.setdefault((pair[0], json.dumps(pair[1])), {})
            if remove:
                held.pop(item["id"], None)
            else:
                held[item["id"]] = None

    def _store(self, item: dict[str, Any]) -> None:
        if item["id"] in self.memories:
            self._index(self.memories[item["id"]], remove=True)
        self._db.execute("REPLACE INTO memories VALUES (?, ?)", (item["id"], json.dumps(item)))
        self.memories[item["id"]] = item
        self._index(item)

    def _event(self, item: dict[str, Any]) -> None:
        self._db.execute("REPLACE INTO events VALUES (?, ?)", (item["id"], json.dumps(item)))

    def event(self, id_: str) -> Answer:
        row = self._db.execute("SELECT item FROM events WHERE id = ?", (id_,)).fetchone()
        return (200, json.loads(row[0])) if row else (404, {"detail": "no such event"})

    async def search(self, asked: dict[str, Any]) -> Answer:
        items = self._matching(asked)
        vectors = await self._embedder.embed([asked["query"], *(item["memory"] for item in items)])
        query, *others = (np.frombuffer(vector, "<f4") for vector in vectors)
        scored = [{**item, "score": max(0.0, float(query @ other))} for item, other in zip(items, others, strict=True)]
        best = sorted(scored, key=lambda item: -item["score"])[: asked.get("top_k") or 10]
        return 200, {"results": [item for item in best if item["score"] >= (asked.get("threshold") or 0.0)]}

    def listed(self, asked: dict[str, Any], page: int, size: int) -> Answer:
        items = sorted(self._matching(asked), key=lambda item: item["created_at"], reverse=True)
        more = f"?page={page + 1}" if len(items) > page * size else None
        return 200, {
            "count": len(items),
            "next": more,
            "previous": None,
            "results": items[(page - 1) * size : page * size],
        }

    def get(self, id_: str) -> Answer:
        return (200, self.memories[id_]) if id_ in self.memories else (404, {"detail": "Memory not found!"})

    def update(self, id_: str, asked: dict[str, Any]) -> Answer:
        if id_ not in self.memories:
            return 404, {"detail": "Memory not found!"}
        item = dict(self.memories[id_])
        item["memory"] = asked.get("text") or item["memory"]
        item["metadata"] = {**item["metadata"], **(asked.get("metadata") or {})}
        if "expiration_date" in asked:
            item["expiration_date"] = asked["expiration_date"]
        self._store({**item, "hash": _hash(item["memory"]), "updated_at": datetime.now(UTC).isoformat()})
        return 200, self.memories[id_]

    def delete(self, id_: str) -> Answer:
        if id_ not in self.memories:
            return 404, {"detail": "Memory not found!"}
        self._index(self.memories.pop(id_), remove=True)
        self._db.execute("DELETE FROM memories WHERE id = ?", (id_,))
        return 200, {"message": "Memory deleted successfully!"}

    def _matching(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        filters = asked.get("filters")
        if not filters:
            raise Refused("filters are needed")
        shown = asked.get("show_expired")
        today = datetime.now(UTC).date().isoformat()
        items = (self.memories[id_] for id_ in candidates(filters, self._marked, self.memories))
        return [
            item for item in items
            if passes(item, filters) and (shown or not item["expiration_date"] or item["expiration_date"] >= today)
        ]  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Application:
    """A file for each account below the folder. A key of no account is not known."""

    def __init__(self, folder: Path, embedder: WordLlama) -> None:
        self._folder = folder
        self._embedder = embedder
        self._accounts: dict[str, Platform] = {}

    def _account(self, name: str) -> Platform:
        if name not in self._accounts:
            file = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.db"
            self._accounts[name] = Platform(str(file), self._embedder)
        return self._accounts[name]

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = dict(scope["headers"])
        key = headers.get(b"authorization", b"").decode().removeprefix("Token ")
        if scope["path"] == "/counts":
            status, answer = 200, self._account(key).counts if key else {}
        elif not key.startswith(KEY):
            status, answer = 401, {"detail": "Invalid API key"}
        else:
            try:
                query = parse_qs(scope["query_string"].decode())
                status, answer = await _route(
                    self._account(key), scope["method"], unquote(scope["path"]), query, json.loads(body or b"{}")
                )
            except Refused as refused:
                status, answer = 400, {"detail": str(refused)}
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def _route(
    platform: Platform, method: str, path: str, query: Mapping[str, list[str]], asked: dict[str, Any]
) -> Answer:
    found = re.fullmatch(r"/v1/(memories|event)/([^/]+)/", path)
    name = f"{method} {path.replace(found[2], '{id}') if found else path}"
    platform.counts[name] = platform.counts.get(name, 0) + 1
    if name == "GET /v1/ping/":
        return 200, {"status": "ok", "org_id": ORG, "project_id": PROJECT, "user_email": "someone@example.org"}
    if name == "POST /v3/memories/add/":
        return await platform.add(asked)
    if name == "POST /v3/memories/search/":
        return await platform.search(asked)
    if name == "POST /v3/memories/":
        return platform.listed(asked, int(query.get("page", ["1"])[0]), int(query.get("page_size", ["100"])[0]))
    if found and found[1] == "event":
        return platform.event(found[2])
    if found and method == "GET":
        return platform.get(found[2])
    if found and method == "PUT":
        return platform.update(found[2], asked)
    if found and method == "DELETE":
        return platform.delete(found[2])
    return 404, {"detail": f"the stand-in has no {name}"}


@contextmanager
def mem0_platform(home: Path, port: int | None = None) -> Generator[Mapping[str, str]]:
    """`url`, `api_key` (to which an account's name is added) and `pid`. Started again on the same home it holds what it held."""
    elsewhere = given("MEM0")
    if elsewhere:
        yield {"url": elsewhere, "api_key": os.environ.get("MEM0_API_KEY", "")}
        return
    with running("tests.servers.mem0_platform", home, str(home), port=port) as (place, process):
        yield {"url": f"http://127.0.0.1:{place}", "api_key": KEY, "pid": str(process)}


async def main(port: int, folder: str) -> None:
    async with AsyncExitStack() as stack:
        kit = Kit(name="stub", clock=lambda: datetime.now(UTC), home=Path(), dimension=256)
        embedder = WordLlama(WordLlamaOptions(), kit)
        await embedder.open(stack)
        application = Application(Path(folder), embedder)
        settings = uvicorn.Config(application, port=port, log_level="warning", lifespan="off")
        await uvicorn.Server(settings).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
