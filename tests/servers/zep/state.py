"""What the stand-in knows, each change a line of a file before it is acknowledged; read again at the start.

Taking in and removing happen later: each has a time from when it is done, and whoever looks brings the graph up to it.
"""

import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.servers.zep.learning import Graph


class Later(msgspec.Struct):
    """A task: what it is about, and from when it is done."""

    uuid: str
    kind: str
    created_at: str
    done: float


class State:
    def __init__(self, path: Path, delay: float) -> None:
        self.delay = delay
        self.users: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.threads: dict[str, dict[str, Any]] = {}
        self.graphs: dict[str, Graph] = {}
        self.tasks: dict[str, Later] = {}
        self.keys: dict[str, bytes] = {}
        self._last = 0
        self._file: int = -1
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    self._apply(msgspec.json.decode(line), 0.0)
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def stamp(self) -> str:
        """The time; never the same twice."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return datetime.fromtimestamp(self._last / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def write(self, *changes: dict[str, Any]) -> None:
        """All of the changes, in one write: kept by the system even where the process is killed next."""
        os.write(self._file, b"".join(msgspec.json.encode(change) + b"\n" for change in changes))
        done = time.monotonic() + self.delay
        for change in changes:
            self._apply(change, done)

    def later(self, kind: str) -> dict[str, Any]:
        """A task for what was just written."""
        task = Later(str(uuid.uuid4()), kind, self.stamp(), time.monotonic() + self.delay)
        self.tasks[task.uuid] = task
        return self.told(task)

    def told(self, task: Later) -> dict[str, Any]:
        done = time.monotonic() >= task.done
        return {
            "uuid": task.uuid, "type": task.kind, "created_at": task.created_at,
            "status": "succeeded" if done else "pending",
        }  # fmt: skip

    def graph(self, name: str) -> Graph | None:
        """The graph of a user, as it is now."""
        found = self.graphs.get(name)
        if found is not None:
            found.catch_up(time.monotonic())
        return found

    def _apply(self, change: dict[str, Any], done: float) -> None:
        match change:
            case {"user": user}:
                self.users[user["uuid"]] = user
                self.names[user["user_id"]] = user["uuid"]
                self.graphs[user["uuid"]] = Graph()
            case {"thread": thread}:
                self.threads[thread["uuid"]] = thread
            case {"episode": episode, "learn": learn}:
                self.graphs[episode["graph_uuid"]].add(episode, done, learn)
            case {"removed": removed, "graph": graph}:
                if graph in self.graphs:
                    self.graphs[graph].remove(removed, done)
            case {"ended": thread}:
                ended = self.threads.pop(thread)
                graph = self.graphs[ended["graph_uuid"]]
                graph.remove([each["uuid"] for each in graph.of_thread(thread)], done)
            case {"left": user}:
                left = self.users.pop(user)
                self.names.pop(left["user_id"])
                self.graphs.pop(user)
            case {"key": key, "answer": answer}:
                self.keys[key] = answer.encode()
            case _:
                raise ValueError(f"not a change: {sorted(change)}")
        if self._file == -1:
            for graph in self.graphs.values():
                graph.catch_up(float("inf"))
