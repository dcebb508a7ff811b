"""The REST interface: paths to collections, engine's errors to status codes. Answers as Qdrant's own server does."""

import re
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from .collection import Collection

Json: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

VERSION = "1.19.0"  # whose interface this is
_OPEN = 12  # an open shard takes 40 MB
_COLLECTION = re.compile(r"/collections/([A-Za-z0-9_-]+)(/.*)?")


class Refused(Exception):
    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class App:
    """An ASGI application over a folder that holds a folder for each collection."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: dict[str, Collection] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        started = time.perf_counter()
        try:
            result = self._answer(scope["method"], scope["path"], msgspec.json.decode(body) if body else {})
            status, reply = 200, {"result": result, "status": "ok"}
            if scope["path"] == "/":
                reply = result
        except Refused as refused:
            status, reply = refused.status, {"status": {"error": str(refused)}}
        except Exception as error:  # noqa: BLE001 -- the engine raises exceptions of its own without a common class
            status, reply = 400, {"status": {"error": f"{type(error).__name__}: {error}"}}
        raw = msgspec.json.encode({**reply, "time": time.perf_counter() - started})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def _answer(self, method: str, path: str, body: Json) -> Json:
        if path == "/":
            return {"title": "qdrant - vector search engine", "version": VERSION}
        if path == "/healthz":
            return "healthz check passed"
        if path == "/collections":
            return {
                "collections": [{"name": each.name} for each in sorted(self._home.iterdir()) if each.name[0] != "."]
            }
        found = _COLLECTION.fullmatch(path)
        if found is None:
            raise Refused(404, "no such path")
        name, rest = found[1], found[2] or ""
        if rest == "/exists":
            return {"exists": self._there(name)}
        if rest == "" and method == "PUT":
            return self._create(name, body)
        if rest == "" and method == "DELETE":
            return self._delete(name)
        return self._ask(self._collection(name), method, rest, body)

    def _ask(self, collection: Collection, method: str, rest: str, body: Json) -> Json:
        match method, rest:
            case "GET", "":
                return collection.info()
            case "PUT", "/index":
                return collection.index(body)
            case "PUT", "/points":
                return collection.upsert(body)
            case "POST", "/points":
                return collection.retrieve(body)
            case "POST", "/points/delete":
                return collection.delete(body)
            case "POST", "/points/scroll":
                return collection.scroll(body)
            case "POST", "/points/query":
                return collection.query(body)
            case "POST", "/points/count":
                return collection.count(body)
            case "PUT", _ if rest.startswith("/vectors/"):
                return collection.add_vector(rest.removeprefix("/vectors/"), body)
            case _:
                raise Refused(404, "no such path")

    def _there(self, name: str) -> bool:
        return (self._home / name).is_dir()

    def _collection(self, name: str) -> Collection:
        if not self._there(name):
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        found = self._open.pop(name, None) or Collection.load(self._home / name)
        self._open[name] = found  # the last one is that of the latest question
        if len(self._open) > _OPEN:
            self._open.pop(next(iter(self._open))).close()
        return found

    def _create(self, name: str, body: Json) -> bool:
        if self._there(name):
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        self._open[name] = Collection.create(self._home / name, body)
        return True

    def _delete(self, name: str) -> bool:
        there = self._there(name)
        if name in self._open:
            self._open.pop(name).close()
        shutil.rmtree(self._home / name, ignore_errors=True)
        return there

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
