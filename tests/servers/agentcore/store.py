"""What the stand-in keeps, and what its operations do with it. One file, one line for each change, read again at start."""

# ruff: noqa: A002, N803, PLR0917 -- operations take the members that the service names

import itertools
import json
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .contract import Refused

Place = tuple[str, str, str]


class Store:
    def __init__(self, file: Path) -> None:
        self._events: dict[Place, dict[str, dict[str, Any]]] = {}
        self._records: dict[str, dict[str, dict[str, Any]]] = {}
        self._indexed: dict[str, dict[tuple[str, str], dict[str, dict[str, Any]]]] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(time.time_ns() // 1000)
        if file.exists():
            for line in file.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):  # the last one may have been cut by a kill, before it was answered
                    self._apply(*json.loads(line))
        self._log = file.open("ab", buffering=0)

    def do(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        work = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(), None)
        if work is None:
            raise Refused(501, "NotImplemented", operation)
        return work(fields.pop("memoryId"), **fields)

    def _change(self, what: str, *values: Any) -> None:
        self._log.write(json.dumps([what, *values]).encode() + b"\n")
        self._apply(what, *values)

    def _apply(self, what: str, *values: Any) -> None:
        match what, values:
            case "event", [memory, event, token]:
                place = (memory, event["actorId"], event["sessionId"])
                self._events.setdefault(place, {})[event["eventId"]] = event
                if token:
                    self._tokens[memory, token] = event["eventId"]
            case "no event", [memory, actor, session, event]:
                del self._events[memory, actor, session][event]
                if not self._events[memory, actor, session]:
                    del self._events[memory, actor, session]
            case "record", [memory, record]:
                self._unindex(memory, record["memoryRecordId"])
                self._records.setdefault(memory, {})[record["memoryRecordId"]] = record
                for key in _index_keys(record):
                    self._indexed.setdefault(memory, {}).setdefault(key, {})[record["memoryRecordId"]] = record
            case "no record", [memory, id_]:
                self._unindex(memory, id_)
                del self._records[memory][id_]
            case _:
                raise AssertionError(what)

    def _unindex(self, memory: str, id_: str) -> None:
        old = self._records.get(memory, {}).get(id_)
        for key in _index_keys(old) if old else ():
            del self._indexed[memory][key][id_]

    # Events.

    def _create_event(
        self, memory: str, actorId: str, payload: Any, eventTimestamp: float, sessionId: str = "", clientToken: str = "",
        metadata: Any = None, branch: Any = None, **_: Any,
    ) -> dict[str, Any]:  # fmt: skip
        session = sessionId or secrets.token_hex(16)
        known = self._tokens.get((memory, clientToken)) if clientToken else None
        there = self._events.get((memory, actorId, session), {})
        if known in there:
            return {"event": there[known]}
        event = {
            "memoryId": memory, "actorId": actorId, "sessionId": session, "payload": payload,
            "eventId": f"{next(self._numbers):019d}#{secrets.token_hex(4)}", "eventTimestamp": eventTimestamp,
            **({"metadata": metadata} if metadata else {}), **({"branch": branch} if branch else {}),
        }  # fmt: skip
        self._change("event", memory, event, clientToken)
        return {"event": event}

    def _get_event(self, memory: str, actorId: str, sessionId: str, eventId: str) -> dict[str, Any]:
        return {"event": self._event(memory, actorId, sessionId, eventId)}

    def _delete_event(self, memory: str, actorId: str, sessionId: str, eventId: str) -> dict[str, Any]:
        self._event(memory, actorId, sessionId, eventId)
        self._change("no event", memory, actorId, sessionId, eventId)
        return {"eventId": eventId}

    def _event(self, memory: str, actor: str, session: str, event: str) -> dict[str, Any]:
        found = self._events.get((memory, actor, session), {}).get(event)
        if found is None:
            raise Refused(404, "ResourceNotFoundException", "no such event")
        return found

    def _list_events(
        self, memory: str, actorId: str, sessionId: str, includePayloads: bool = True, filter: Any = None, **page: Any
    ) -> dict[str, Any]:
        events = list(self._events.get((memory, actorId, sessionId), {}).values())[::-1]
        tests: list[dict[str, Any]] = filter.get("eventMetadata", []) if filter else []
        found = [each for each in events if all(_passes(each.get("metadata", {}), test) for test in tests)]
        shown: list[dict[str, Any]] = found if includePayloads else [{**each, "payload": []} for each in found]
        return _paged("events", shown, **page)

    def _list_sessions(self, memory: str, actorId: str, filter: Any = None, **page: Any) -> dict[str, Any]:
        found = [
            {"actorId": actorId, "sessionId": session, "createdAt": next(iter(events.values()))["eventTimestamp"]}
            for (of, actor, session), events in self._events.items()
            if (of, actor) == (memory, actorId)
        ]
        return _paged("sessionSummaries", found, **page)

    def _list_actors(self, memory: str, **page: Any) -> dict[str, Any]:
        actors = sorted({actor for of, actor, _ in self._events if of == memory})
        return _paged("actorSummaries", [{"actorId": each} for each in actors], **page)

    # Memory records.

    def _batch_create_memory_records(self, memory: str, records: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        done: list[dict[str, Any]] = []
        for each in records:
            record: dict[str, Any] = {
                "memoryRecordId": "mem-" + secrets.token_hex(20), "content": each["content"], "namespaces": each["namespaces"],
                "memoryStrategyId": each.get("memoryStrategyId", "none"), "createdAt": time.time(),
                **({"metadata": each["metadata"]} if each.get("metadata") else {}),
            }  # fmt: skip
            self._change("record", memory, record)
            done.append(_done(record["memoryRecordId"], each["requestIdentifier"]))
        return {"successfulRecords": done, "failedRecords": []}

    def _batch_update_memory_records(self, memory: str, records: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for each in records:
            old = self._records.get(memory, {}).get(each["memoryRecordId"])
            if old is None:
                failed.append({**_done(each["memoryRecordId"]), "status": "FAILED", "errorCode": 404})
                continue
            changed = {key: each[key] for key in ("content", "namespaces", "metadata") if key in each}
            self._change("record", memory, {**old, **changed})
            done.append(_done(each["memoryRecordId"]))
        return {"successfulRecords": done, "failedRecords": failed}

    def _batch_delete_memory_records(self, memory: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        ids = [each["memoryRecordId"] for each in records]
        held = self._records.get(memory, {})
        there, absent = [each for each in ids if each in held], [each for each in ids if each not in held]
        for each in there:
            self._change("no record", memory, each)
        failed = [{**_done(each), "status": "FAILED", "errorCode": 404} for each in absent]
        return {"successfulRecords": [_done(each) for each in there], "failedRecords": failed}

    def _get_memory_record(self, memory: str, memoryRecordId: str, **_: Any) -> dict[str, Any]:
        found = self._records.get(memory, {}).get(memoryRecordId)
        if found is None:
            raise Refused(404, "ResourceNotFoundException", "no such memory record")
        return {"memoryRecord": found}

    def _delete_memory_record(self, memory: str, memoryRecordId: str, **_: Any) -> dict[str, Any]:
        self._get_memory_record(memory, memoryRecordId)
        self._change("no record", memory, memoryRecordId)
        return {"memoryRecordId": memoryRecordId}

    def _list_memory_records(
        self, memory: str, maxResults: int = 20, nextToken: str = "0", **where: Any
    ) -> dict[str, Any]:
        return _paged("memoryRecordSummaries", self._within(memory, **where), maxResults, nextToken)

    def _retrieve_memory_records(
        self, memory: str, searchCriteria: Any, maxResults: int = 100, nextToken: str = "0", **where: Any
    ) -> dict[str, Any]:
        words = set(re.findall(r"\w+", searchCriteria["searchQuery"].lower()))
        fields = {key: searchCriteria[key] for key in ("memoryStrategyId", "metadataFilters") if key in searchCriteria}
        found: list[dict[str, Any]] = []
        for record in self._within(memory, **where, **fields):
            held = words & set(re.findall(r"\w+", record["content"]["text"].lower()))
            if held:
                found.append({**record, "score": len(held) / len(words)})
        best = sorted(found, key=lambda each: -each["score"])[: searchCriteria.get("topK", 10)]
        return _paged("memoryRecordSummaries", best, maxResults, nextToken)

    def _within(
        self, memory: str, namespace: str | None = None, namespacePath: str | None = None, memoryStrategyId: str = "",
        metadataFilters: Iterable[Any] = (),
    ) -> list[dict[str, Any]]:  # fmt: skip
        if (namespace is None) == (namespacePath is None):
            raise Refused(400, "ValidationException", "one of namespace and namespacePath")
        tests = list(metadataFilters)
        held: Iterable[dict[str, Any]] = self._records.get(memory, {}).values()
        for test in tests:
            if test["operator"] == "EQUALS_TO":  # so that a look-up by an indexed key walks nothing else
                key = (test["left"]["metadataKey"], test["right"]["metadataValue"].get("stringValue", ""))
                held = self._indexed.get(memory, {}).get(key, {}).values()
                break
        return [
            each
            for each in held
            if (namespace is None or namespace in each["namespaces"])
            and (namespacePath is None or any(_under(name, namespacePath) for name in each["namespaces"]))
            and memoryStrategyId in ("", each["memoryStrategyId"])
            and all(_passes(each.get("metadata", {}), test) for test in tests)
        ]


def _under(name: str, path: str) -> bool:
    return (name.rstrip("/") + "/").startswith(path.rstrip("/") + "/")


def _index_keys(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key, value["stringValue"]) for key, value in record.get("metadata", {}).items() if "stringValue" in value]


def _passes(metadata: dict[str, Any], test: dict[str, Any]) -> bool:
    found = metadata.get(test["left"]["metadataKey"])
    operator = test["operator"]
    if operator in ("EXISTS", "NOT_EXISTS"):
        return (found is not None) is (operator == "EXISTS")
    wanted = test["right"]["metadataValue"]
    if found is None:
        return False
    if operator == "EQUALS_TO":
        return found == wanted
    if operator == "LESS_THAN_OR_EQUALS":
        return found.get("numberValue", float("inf")) <= wanted["numberValue"]
    raise Refused(400, "ValidationException", f"the stand-in does not know {operator}")


def _paged(key: str, found: list[dict[str, Any]], maxResults: int = 20, nextToken: str = "0") -> dict[str, Any]:
    start = int(nextToken)
    rest = {"nextToken": str(start + maxResults)} if start + maxResults < len(found) else {}
    return {key: found[start : start + maxResults], **rest}


def _done(id_: str, request: str = "") -> dict[str, Any]:
    return {"memoryRecordId": id_, "status": "SUCCEEDED", **({"requestIdentifier": request} if request else {})}
