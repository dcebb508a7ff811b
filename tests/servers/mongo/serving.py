"""The server: connections, and the commands that the gateway's MongoDB backend and its tests use; no others.

Faults are made as MongoDB makes them for its own tests: `configureFailPoint: failCommand`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from .reading import Cursors, aggregate, find
from .searching import search_index
from .store import Store
from .wire import MAX_DOCUMENT, MAX_MESSAGE, Refused, answer, received
from .writing import delete, insert, known, update

Handler: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]
_EVER: Final = 1 << 60
_OK: Final[dict[str, Any]] = {"ok": 1.0}
_COMMON: Final = {
    "lsid",
    "$db",
    "$clusterTime",
    "$readPreference",
    "writeConcern",
    "readConcern",
    "maxTimeMS",
    "comment",
}


def _fine(_: str, __: dict[str, Any]) -> dict[str, Any]:
    return _OK


def _build(_: str, __: dict[str, Any]) -> dict[str, Any]:
    return {"version": "0.0.0-stand-in", "versionArray": [0, 0, 0, 0], **_OK}


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Server:
    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._cursors = Cursors()
        self._fault: dict[str, Any] = {}
        self._faults_left = self._skipping = 0
        self._connections = 0
        writes = {"insert": insert, "update": update, "delete": delete}
        self._handlers: dict[str, Handler] = {
            "hello": self._hello, "ismaster": self._hello, "isMaster": self._hello, "ping": _fine,
            "endSessions": _fine, "buildInfo": _build,
            "find": self._find, "aggregate": self._aggregate, "getMore": lambda _, command: self._cursors.more(command),
            "killCursors": lambda _, command: self._cursors.killed(command), "createIndexes": self._create_indexes,
            "dropIndexes": self._drop_index, "listIndexes": self._list_indexes, "create": self._create,
            "createSearchIndexes": self._create_search, "listCollections": self._list_collections, "drop": self._drop,
            "serverStatus": self._status,
            **{name: self._writing(write) for name, write in writes.items()},
        }  # fmt: skip

    async def run(self, port: int, expire_every: float) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        async with server:
            while True:
                await asyncio.sleep(expire_every)
                self._store.expire(datetime.now(UTC).replace(tzinfo=None))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        self._connections += 1
        try:
            while (message := await received(reader)) is not None:
                request, wanted, command = message
                number += 1
                reply = await self._answered(command)
                if wanted:
                    writer.write(answer(number, request, reply))
                    await writer.drain()
        except (Dropped, ConnectionError):
            pass  # the client sees the same: a connection that is gone
        finally:
            self._connections -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answered(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        try:
            if name == "configureFailPoint":
                return self._set_fault(command)
            await self._failing(name)
            handler = self._handlers.get(name)
            if handler is None:
                raise Refused(59, f"no such command: {name!r}")
            reply = handler(f"{command['$db']}.{command[name]}", command)
            await self._store.durable()
        except Refused as refused:
            return refused.reply()
        except (KeyError, TypeError, ValueError) as error:
            return Refused(9, f"{name} cannot be read: {error!r}").reply()
        return reply

    # Faults

    def _set_fault(self, command: dict[str, Any]) -> dict[str, Any]:
        mode = command["mode"]
        if command["configureFailPoint"] == "hangSearchIndexes":  # ours: on Atlas they take minutes by themselves
            self._store.search_hangs = mode != "off"
            return _OK
        plain = isinstance(mode, str)
        self._faults_left = 0 if mode == "off" else _EVER if plain else mode.get("times", _EVER)
        self._skipping = 0 if plain else mode.get("skip", 0)
        self._fault = command.get("data", {})
        return _OK

    async def _failing(self, name: str) -> None:
        fault = self._fault
        if not self._faults_left or name not in fault["failCommands"]:
            return
        if self._skipping:
            self._skipping -= 1
            return
        self._faults_left -= 1
        if fault.get("blockConnection"):
            await asyncio.sleep(fault["blockTimeMS"] / 1000)
        if fault.get("closeConnection"):
            raise Dropped
        if "errorCode" in fault:
            raise Refused(fault["errorCode"], "Failing command via 'failCommand' failpoint")

    # Commands

    def _hello(self, _: str, __: dict[str, Any]) -> dict[str, Any]:
        return {
            "helloOk": True, "isWritablePrimary": True, "ismaster": True, "maxBsonObjectSize": MAX_DOCUMENT,
            "maxMessageSizeBytes": MAX_MESSAGE, "maxWriteBatchSize": 100_000, "localTime": datetime.now(UTC),
            "logicalSessionTimeoutMinutes": 30, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": False, **_OK,
        }  # fmt: skip

    def _status(self, _: str, __: dict[str, Any]) -> dict[str, Any]:
        return {
            "connections": {"current": self._connections},
            "metrics": {"cursor": {"open": {"total": len(self._cursors)}}},
            **_OK,
        }

    def _writing(self, write: Callable[[Store, str, dict[str, Any]], dict[str, Any]]) -> Handler:
        return lambda namespace, command: write(self._store, namespace, command)

    def _find(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        found = find(self._store, namespace, command)
        return self._cursors.begun(namespace, found, command.get("batchSize"))

    def _aggregate(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        found = aggregate(self._store, namespace, command)
        return self._cursors.begun(namespace, found, command["cursor"].get("batchSize"))

    def _create_indexes(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "createIndexes", "indexes", *_COMMON)
        held = self._store.made(namespace)
        for spec in command["indexes"]:
            if not held.conflict(spec):
                self._store.index(namespace, {"v": 2, **spec})
        return _OK

    def _drop_index(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "dropIndexes", "index", *_COMMON)
        self._store.unindex(namespace, command["index"])
        return _OK

    def _list_indexes(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "listIndexes", "cursor", *_COMMON)
        held = self._store.collection(namespace)
        if held is None:
            raise Refused(26, f"ns does not exist: {namespace}")
        return self._cursors.begun(namespace, list(held.indexes.values()), None)

    def _create(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "create", "capped", "size", "collation", *_COMMON)
        if self._store.collection(namespace) is not None:
            raise Refused(48, f"Collection {namespace} already exists.")
        self._store.made(namespace, {name: command[name] for name in ("capped", "collation") if name in command})
        return _OK

    def _create_search(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "createSearchIndexes", "indexes", *_COMMON)
        held = self._store.collection(namespace)
        if held is None:
            raise Refused(26, f"Collection {namespace} does not exist.")
        made = [search_index(spec) for spec in command["indexes"]]
        if any(spec["name"] in held.searches for spec in made):
            raise Refused(68, "Duplicate Index")
        for spec in made:
            self._store.search(namespace, spec)
        return {"indexesCreated": [{"id": spec["name"], "name": spec["name"]} for spec in made], **_OK}

    def _list_collections(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "listCollections", "cursor", "filter", "nameOnly", *_COMMON)
        database = command["$db"] + "."
        names = [each.removeprefix(database) for each in self._store.collections if each.startswith(database)]
        wanted = command.get("filter", {}).get("name")
        listed = [
            {"name": each, "type": "collection", "options": self._store.collections[database + each].options}
            for each in names
            if wanted in (None, each)
        ]
        return self._cursors.begun(database + "$cmd.listCollections", listed, None)

    def _drop(self, namespace: str, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "drop", *_COMMON)
        self._store.drop(namespace)
        return _OK
