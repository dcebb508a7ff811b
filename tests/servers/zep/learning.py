"""One graph: episodes, and the facts and entities that are understood from them when their time has come.

Understood are sentences such as "Ann likes green tea" and "Ann lives in Oslo"; who lives or works somewhere new no longer
does at the old place. Removing an episode removes the facts and entities that nothing else speaks of.
"""

import re
import uuid
from collections.abc import Iterable
from typing import Any, Final

_SENTENCE: Final = re.compile(
    r"\b([A-Z]\w*) (likes|loves|hates|prefers|owns|lives in|works at|is allergic to) ([^.!?,;\n]{1,80})"
)
_ONE: Final = frozenset({"lives in", "works at"})  # of these nobody has two
_SPACE: Final = uuid.UUID("1b671a64-40d5-491e-99b0-da01ff1f3341")


class Graph:
    def __init__(self) -> None:
        self.episodes: dict[str, dict[str, Any]] = {}
        self.edges: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self._records: dict[str, list[str]] = {}
        self._waiting: list[tuple[float, dict[str, Any], bool]] = []
        self._leaving: list[tuple[float, list[str]]] = []

    def add(self, episode: dict[str, Any], done: float, learn: bool) -> None:
        self.episodes[episode["uuid"]] = episode | {"processed": False}
        self._records.setdefault(str(episode["metadata"].get("record", "")), []).append(episode["uuid"])
        self._waiting.append((done, episode, learn))

    def remove(self, uuids: Iterable[str], done: float) -> None:
        self._leaving.append((done, list(uuids)))

    def of_thread(self, thread: str) -> list[dict[str, Any]]:
        return [each for each in self.episodes.values() if each.get("thread_uuid") == thread]

    def of_records(self, records: Iterable[str]) -> list[dict[str, Any]]:
        uuids = [uuid for record in dict.fromkeys(records) for uuid in self._records.get(record, ())]
        return [self.episodes[each] for each in uuids if each in self.episodes]

    def catch_up(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, episode, learn = self._waiting.pop(0)
            if episode["uuid"] in self.episodes:
                self.episodes[episode["uuid"]]["processed"] = True
                if learn:
                    self._learn(episode)
        while self._leaving and self._leaving[0][0] <= now:
            for each in self._leaving.pop(0)[1]:
                self._forget(each)

    def _learn(self, episode: dict[str, Any]) -> None:
        for who, what, whom in _SENTENCE.findall(episode["content"]):
            graph, at = episode["graph_uuid"], episode["reference_time"]
            fact = f"{who} {what} {whom.strip()}"
            for edge in self.edges.values():
                same = (edge["source_node_name"], edge["name"]) == (who, _named(what))
                if what in _ONE and same and edge["fact"] != fact and "invalid_at" not in edge:
                    edge |= {"invalid_at": at, "expired_at": episode["created_at"]}
            source, target = (self._node(name, episode) for name in (who, whom.strip()))
            id_ = str(uuid.uuid5(_SPACE, f"{graph} {fact}"))
            edge = self.edges.setdefault(
                id_,
                {
                    "uuid": id_, "graph_uuid": graph, "name": _named(what), "fact": fact, "valid_at": at,
                    "created_at": episode["created_at"], "episode_uuids": [],
                    "source_node_uuid": source["uuid"], "source_node_name": who,
                    "target_node_uuid": target["uuid"], "target_node_name": whom.strip(),
                },
            )  # fmt: skip
            edge["episode_uuids"].append(episode["uuid"])
            for node in (source, target):
                facts = [each["fact"] for each in self.edges.values() if node["uuid"] in _ends(each)]
                node["summary"] = ". ".join(facts)

    def _node(self, name: str, episode: dict[str, Any]) -> dict[str, Any]:
        id_ = str(uuid.uuid5(_SPACE, f"{episode['graph_uuid']} node {name}"))
        node = self.nodes.setdefault(
            id_,
            {
                "uuid": id_, "graph_uuid": episode["graph_uuid"], "name": name, "labels": ["Entity"], "summary": "",
                "created_at": episode["created_at"], "episode_uuids": [], "episode_uuids_truncated": False,
            },
        )  # fmt: skip
        node["episode_uuids"].append(episode["uuid"])
        return node

    def _forget(self, id_: str) -> None:
        self.episodes.pop(id_, None)
        self.edges.pop(id_, None)
        if self.nodes.pop(id_, None) is not None:
            self.edges = {key: edge for key, edge in self.edges.items() if id_ not in _ends(edge)}
        for held in (self.edges, self.nodes):
            for key, each in list(held.items()):
                if id_ in each["episode_uuids"]:
                    each["episode_uuids"] = [other for other in each["episode_uuids"] if other != id_]
                    if not each["episode_uuids"]:
                        del held[key]


def _named(what: str) -> str:
    return what.upper().replace(" ", "_")


def _ends(edge: dict[str, Any]) -> tuple[str, str]:
    return edge["source_node_uuid"], edge["target_node_uuid"]
