"""Memories of mem0 into a gateway: ids, times, metadata and owners stay what they were. It may be repeated.

    python examples/from_mem0/move.py lines examples/from_mem0/export.json demo > memories.jsonl
    memory-gateway import examples/from_mem0/gateway.yaml --provider main < memories.jsonl
    memory-gateway serve examples/from_mem0/gateway.yaml
    python examples/from_mem0/move.py verify examples/from_mem0/export.json http://127.0.0.1:8080

`export.json` is what mem0's `get_all` returns, of the library or the platform, one call for each user:

    json.dump({"results": [each for user in users for each in memory.get_all(filters={"user_id": user})["results"]]}, file)

A memory belongs to its user; the agent and the run are noted with it. Those without a user are told and left out.
"""

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.client import Gateway
from gateway.client.blocking import Memories
from gateway.client.replies import Memory

Exported = list[dict[str, Any]]


def read(path: str) -> tuple[Exported, int]:
    """Those with a user, and how many have none."""
    found: Exported = json.loads(Path(path).read_text())["results"]
    owned = [each for each in found if each.get("user_id")]
    return owned, len(found) - len(owned)


def lines(owned: Exported, tenant: str) -> list[dict[str, Any]]:
    header = {"format": "memory-gateway-export", "version": 1, "tenant": tenant, "kinds": ["memory"]}
    noted = {"agent": "agent_id", "run": "run_id"}
    return [{**header, "exported_at": datetime.now(UTC).isoformat()}] + [
        {
            "id": each["id"], "kind": "memory", "tenant": tenant, "space": "default", "user_id": each["user_id"],
            "content": each["memory"], "metadata": each.get("metadata") or {}, "version": 1,
            "created_at": each["created_at"], "updated_at": each.get("updated_at") or each["created_at"],
            "provenance": {name: each[key] for name, key in noted.items() if each.get(key)},
        }
        for each in owned
    ]  # fmt: skip


def verify(owned: Exported, url: str) -> bool:
    """By user: as many as there were, each with its text, metadata and time."""
    there = True
    with Gateway(url) as gateway:
        for user, count in sorted(Counter(each["user_id"] for each in owned).items()):
            found = gateway.user(user).memories
            same = sum(same_as(found.get(each["id"]), each) for each in owned if each["user_id"] == user)
            listed = counted(found)
            print(f"{user}: {count} exported, {listed} there, {same} the same")
            there = there and count == listed == same
    return there


def counted(memories: Memories) -> int:
    page = memories.list(limit=200)
    count = len(page)
    while page.cursor:
        page = memories.list(limit=200, cursor=page.cursor)
        count += len(page)
    return count


def same_as(kept: Memory, each: dict[str, Any]) -> bool:
    created = datetime.fromisoformat(each["created_at"])
    return (kept.content, kept.metadata, kept.created_at) == (each["memory"], each.get("metadata") or {}, created)


if __name__ == "__main__":
    verb, file, where = sys.argv[1:]
    memories, homeless = read(file)
    if verb == "lines":
        print(*map(json.dumps, lines(memories, where)), sep="\n")
        print(f"{len(memories)} memories, {homeless} left out: they have no user", file=sys.stderr)
    else:
        sys.exit(0 if verify(memories, where) else 1)
