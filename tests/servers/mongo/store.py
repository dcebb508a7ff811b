"""Collections in memory and a journal of what changed them: an acknowledged write is on the disk, whoever is killed.

The journal is BSON documents one after the other. A last one that is not whole was never acknowledged, and is cut off.
"""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import bson

from .values import key
from .wire import MAX_DOCUMENT, Refused, decoded

_KNOWN_OPTIONS: Final = {"v", "key", "name", "expireAfterSeconds", "background", "ns"}


class Collection:
    def __init__(self, options: dict[str, Any] | None = None) -> None:
        self.options = options or {}
        self.documents: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.indexes: dict[str, dict[str, Any]] = {"_id_": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}
        self.searches: dict[str, dict[str, Any]] = {}

    def conflict(self, spec: Mapping[str, Any]) -> bool:
        """Whether the index is there already, as it is asked for; refused where another stands in its place."""
        unknown = spec.keys() - _KNOWN_OPTIONS
        if unknown:
            raise Refused(2, f"index options not offered here: {sorted(unknown)}")
        name, seconds = spec["name"], spec.get("expireAfterSeconds")
        keys = list(spec["key"].items())
        for other in self.indexes.values():
            same_keys = list(other["key"].items()) == keys
            if other["name"] == name and not same_keys:
                raise Refused(86, f"An existing index has the same name as the requested index: {name}")
            if same_keys and (other["name"] != name or other.get("expireAfterSeconds") != seconds):
                raise Refused(85, f"An equivalent index already exists with a different name or options: {name}")
            if same_keys:
                return True
        return False


class Store:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.bson"
        self.collections: dict[str, Collection] = {}
        self.search_hangs = False
        self._pending: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing = False
        self._file = self._replayed()

    def collection(self, namespace: str) -> Collection | None:
        return self.collections.get(namespace)

    def made(self, namespace: str, options: dict[str, Any] | None = None) -> Collection:
        if namespace not in self.collections:
            self._do({"ns": namespace, "make": options or {}})
        return self.collections[namespace]

    def put(self, namespace: str, document: dict[str, Any]) -> None:
        if len(bson.encode(document)) > MAX_DOCUMENT:
            raise Refused(10334, "object to insert too large")
        self._do({"ns": namespace, "put": document})

    def cut(self, namespace: str, id_: Any) -> None:
        self._do({"ns": namespace, "cut": id_})

    def drop(self, namespace: str) -> None:
        self._do({"ns": namespace, "drop": True})

    def index(self, namespace: str, spec: dict[str, Any]) -> None:
        self._do({"ns": namespace, "index": spec})

    def unindex(self, namespace: str, name: str) -> None:
        self._do({"ns": namespace, "unindex": name})

    def search(self, namespace: str, spec: dict[str, Any]) -> None:
        self._do({"ns": namespace, "search": spec})

    async def durable(self) -> None:
        """Returns when everything done so far is on the disk. Those who wait at once share one flush."""
        if not self._pending and not self._flushing:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._start)
        await waiting

    def expire(self, now: datetime) -> int:
        """What MongoDB's own monitor does every minute."""
        gone = 0
        for namespace, held in self.collections.items():
            for spec in held.indexes.values():
                if (seconds := spec.get("expireAfterSeconds")) is None:
                    continue
                (field,) = spec["key"]
                due = now - timedelta(seconds=seconds)
                ids = [
                    each["_id"] for each in held.documents.values()
                    if isinstance(each.get(field), datetime) and each[field] <= due
                ]  # fmt: skip
                for id_ in ids:
                    self.cut(namespace, id_)
                gone += len(ids)
        return gone

    def _do(self, entry: dict[str, Any]) -> None:
        self._pending.append(bson.encode(entry))
        self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        namespace = entry["ns"]
        if "drop" in entry:
            self.collections.pop(namespace, None)
            return
        held = self.collections.setdefault(namespace, Collection(entry.get("make")))
        if "put" in entry:
            held.documents[key(entry["put"]["_id"])] = entry["put"]
        elif "cut" in entry:
            held.documents.pop(key(entry["cut"]), None)
        elif "index" in entry:
            held.indexes[entry["index"]["name"]] = entry["index"]
        elif "unindex" in entry:
            held.indexes.pop(entry["unindex"], None)
        elif "search" in entry:
            held.searches[entry["search"]["name"]] = entry["search"]

    def _start(self) -> None:
        raw, self._pending = b"".join(self._pending), []
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()

        def done(flushed: asyncio.Future[None]) -> None:
            for each in waiting:
                if not each.done():
                    error = flushed.exception()
                    each.set_result(None) if error is None else each.set_exception(error)
            if self._waiting or self._pending:
                self._start()
            else:
                self._flushing = False

        loop.run_in_executor(None, self._write, raw).add_done_callback(done)

    def _write(self, raw: bytes) -> None:
        os.write(self._file, raw)
        os.fdatasync(self._file)

    def _replayed(self) -> int:
        whole = 0
        raw = self._path.read_bytes() if self._path.exists() else b""
        while len(raw) - whole >= 4:
            size = int.from_bytes(raw[whole : whole + 4], "little")
            if size < 5 or whole + size > len(raw):
                break
            self._apply(decoded(raw[whole : whole + size]))
            whole += size
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(file, whole)
        return file
