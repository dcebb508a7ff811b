"""Conversations that TFrameX keeps in Redis into sessions of a gateway. It may be repeated: what is there is not sent again.

    memory-gateway serve examples/from_tframex/gateway.yaml
    python examples/from_tframex/move.py redis://127.0.0.1:6379/0 http://127.0.0.1:8080

They are those that `RedisStorage.store_conversation` and `store_message` wrote, below the prefix `tframex:` or that of a
third argument. A conversation becomes a session of its user with the same id; its agent and metadata become the session's.
A message keeps every key it has, its id and its time among them. One without a role is counted, and left out.
"""

# pyright: basic
# redis-py says of every reply that it may be bytes, and not here.

import json
import sys
from collections.abc import Iterator
from typing import Any

from redis import Redis

from gateway.client import Gateway
from gateway.client.blocking import Sessions

TOGETHER = 100  # messages in one request


def conversations(redis: Any, prefix: str) -> Iterator[dict[str, Any]]:
    """By their keys, for TFrameX's own listing does not find those whose id has a colon."""
    for key in redis.scan_iter(match=f"{prefix}conversations:*", _type="hash"):
        kept: dict[str, Any] = redis.hgetall(key)
        if "conversation_id" in kept:  # else nothing but a time: messages were stored, the conversation never was
            yield kept


def messages(redis: Any, prefix: str, conversation: str) -> list[dict[str, Any]]:
    """In their order."""
    ids: list[str] = redis.zrange(f"{prefix}conversation_messages:{conversation}", 0, -1)
    kept = (redis.hget(f"{prefix}messages:{each}", "data") for each in ids)
    return [json.loads(each) for each in kept if each]


def there(sessions: Sessions, session: str) -> set[str]:
    """The ids, as TFrameX gave them, of the messages that the session has."""
    page = sessions.history(session, limit=TOGETHER)
    found = list(page)
    while page.cursor:
        page = sessions.history(session, limit=TOGETHER, cursor=page.cursor)
        found += page
    return {each.message["id"] for each in found if "id" in each.message}


def moved(gateway: Gateway, conversation: dict[str, Any], said: list[dict[str, Any]]) -> int:
    """How many messages were not there yet. A system prompt is the session's, and set where it is new."""
    sessions, session = gateway.user(conversation["user_id"]).sessions, conversation["conversation_id"]
    noted = {**json.loads(conversation["metadata"]), "agent": conversation["agent_id"]}
    is_new = sessions.mint(run_id=session, metadata=noted).created
    known = set() if is_new else there(sessions, session)
    missing = [each for each in said if each["id"] not in known and (is_new or each["role"] != "system")]
    for start in range(0, len(missing), TOGETHER):
        sessions.append(session, missing[start : start + TOGETHER])
    return len(missing)


def main(address: str, url: str, prefix: str = "tframex:") -> None:
    with Redis.from_url(address, decode_responses=True) as redis, Gateway(url) as gateway:
        for conversation in conversations(redis, prefix):
            kept = messages(redis, prefix, conversation["conversation_id"])
            said = [each for each in kept if each.get("role")]
            user, session, count = conversation["user_id"], conversation["conversation_id"], len(said)
            print(f"{user}: {session}: {moved(gateway, conversation, said)} of {count} messages moved", end="")
            print(f", {len(kept) - count} without a role left out" if len(kept) > count else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
