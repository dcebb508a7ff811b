"""Users, threads with their messages, tasks and look-ups."""

import uuid
from typing import Any

from zep_cloud import types as zep

from tests.servers.zep.answers import Refused, request
from tests.servers.zep.asked import Asked, Route, check_metadata, there
from tests.servers.zep.finding import page

_MESSAGES, _LONGEST = 30, 14_000
_LAST = 6  # messages that a context block ends with


async def project(_: Asked) -> dict[str, Any]:
    return {"uuid": str(uuid.UUID(int=1)), "name": "stand-in"}


async def create_user(asked: Asked) -> dict[str, Any]:
    name = asked.body.get("user_id") or str(uuid.uuid4())
    if len(name) > 500:
        raise Refused(400, "invalid_user_id", "500 characters at most")
    if name in asked.state.names:
        raise Refused(409, "conflict", "there is a user of this user_id")
    id_ = str(uuid.uuid4())
    user: dict[str, Any] = {
        "uuid": id_, "user_id": name, "graph_uuid": id_, "metadata": asked.body.get("metadata") or {},
        "created_at": asked.state.stamp(),
    }  # fmt: skip
    asked.changes.append({"user": user})
    return user


async def list_users(asked: Asked) -> dict[str, Any]:
    text = asked.body.get("search") or ""
    return page([each for each in asked.state.users.values() if text in each["user_id"]], asked.query)


async def get_user(asked: Asked) -> dict[str, Any]:
    return asked.user


async def delete_user(asked: Asked) -> dict[str, Any]:
    asked.changes += [{"left": asked.user["uuid"]}]
    return {"task": asked.state.later("delete_user")}


async def lookup(asked: Asked) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for name in asked.body.get("users") or ():
        found = asked.state.names.get(name)
        items.append(
            {
                "legacy_id": name,
                "resource_type": "user",
                "found": found is not None,
                **({"uuid": found} if found else {}),
            }
        )
    return {"items": items}


async def get_task(asked: Asked) -> dict[str, Any]:
    return asked.state.told(there(asked.state.tasks.get(asked.path["task_uuid"])))


async def create_thread(asked: Asked) -> dict[str, Any]:
    user = there(asked.state.users.get(asked.body["user_uuid"]))
    now = asked.state.stamp()
    thread = {
        "uuid": str(uuid.uuid4()), "user_uuid": user["uuid"], "graph_uuid": user["uuid"], "created_at": now,
        "updated_at": now,
    }  # fmt: skip
    asked.changes.append({"thread": thread})
    return thread


async def delete_thread(asked: Asked) -> dict[str, Any]:
    asked.changes += [{"ended": asked.thread["uuid"]}]
    return {"task": asked.state.later("delete_thread")}


async def add_messages(asked: Asked) -> dict[str, Any]:
    thread, state = asked.thread, asked.state
    messages = [request(zep.AddMessage, each, "messages") for each in asked.body["messages"]]
    if not 1 <= len(messages) <= _MESSAGES:
        raise Refused(400, "too_many_messages", f"1 to {_MESSAGES} messages")
    ignored = asked.body.get("ignore_roles") or ()
    added: list[dict[str, Any]] = []
    for message in messages:
        if not message.content or len(message.content) > _LONGEST:
            raise Refused(400, "invalid_content", f"1 to {_LONGEST} characters")
        check_metadata(message.metadata)
        now = state.stamp()
        episode: dict[str, Any] = {
            "uuid": str(uuid.uuid4()), "graph_uuid": thread["graph_uuid"], "user_uuid": thread["user_uuid"],
            "thread_uuid": thread["uuid"], "content": message.content, "source": "message", "role": message.role,
            "metadata": message.metadata or {}, "created_at": now, "reference_time": message.reference_time or now,
            **({"role_name": message.name} if message.name else {}),
        }  # fmt: skip
        asked.changes.append({"episode": episode, "learn": message.role not in ignored})
        added.append(_message(episode | {"processed": False}))
    return {"messages": added, "task": state.later("add_messages")}


async def list_messages(asked: Asked) -> dict[str, Any]:
    graph = there(asked.state.graph(asked.thread["graph_uuid"]))
    found = page(graph.of_thread(asked.thread["uuid"]), asked.query)
    return found | {"items": [_message(each) for each in found["items"]]}


async def context(asked: Asked) -> dict[str, Any]:
    graph = there(asked.state.graph(asked.thread["graph_uuid"]))
    said = [each["content"] for each in graph.of_thread(asked.thread["uuid"])][-_LAST:]
    facts = [edge["fact"] for edge in graph.edges.values() if "invalid_at" not in edge]
    return {"context": block(facts) + "<EPISODES>\n" + "\n".join(said) + "\n</EPISODES>"}


async def summary(asked: Asked) -> dict[str, Any]:
    graph = there(asked.state.graph(asked.thread["graph_uuid"]))
    mine = {each["uuid"] for each in graph.of_thread(asked.thread["uuid"]) if each["processed"]}
    facts = [edge["fact"] for edge in graph.edges.values() if mine & set(edge["episode_uuids"])]
    if not mine:
        raise Refused(404, "not_found", "nothing is summarized yet")
    text = f"{len(mine)} messages. " + "".join(f"{fact}. " for fact in facts)
    return {"uuid": str(uuid.uuid4()), "thread_uuid": asked.thread["uuid"], "summary": text.strip()}


def block(facts: list[str]) -> str:
    return "<FACTS>\n" + "".join(f"- {fact}\n" for fact in facts) + "</FACTS>\n"


def _message(episode: dict[str, Any]) -> dict[str, Any]:
    keys = ("uuid", "thread_uuid", "content", "role", "metadata", "created_at", "reference_time", "processed")
    return {key: episode[key] for key in keys} | ({"name": episode["role_name"]} if "role_name" in episode else {})


_USER = ("user_id", "email", "first_name", "last_name", "metadata", "time_zone", "disable_default_ontology")
ROUTES = (
    Route(method="GET", path="project", model=zep.Project, act=project),
    Route(method="POST", path="users", model=zep.User, act=create_user, keys=_USER, writes=True, status=201),
    Route(method="POST", path="users/list", model=zep.UserPage, act=list_users, keys=("search",)),
    Route(method="GET", path="users/{user_uuid}", model=zep.User, act=get_user),
    Route(method="DELETE", path="users/{user_uuid}", model=zep.UserDeleteResult, act=delete_user, status=202),
    Route(method="POST", path="lookup", model=zep.LookupBatchResponse, act=lookup, keys=("users", "threads", "graphs")),
    Route(method="GET", path="tasks/{task_uuid}", model=zep.Task, act=get_task),
    Route(
        method="POST", path="threads", model=zep.Thread, act=create_thread, keys=("user_uuid",), writes=True, status=201
    ),
    Route(method="DELETE", path="threads/{thread_uuid}", model=zep.ThreadDeleteResult, act=delete_thread, status=202),
    Route(
        method="POST", path="threads/{thread_uuid}/messages", model=zep.AddMessagesResult, act=add_messages,
        keys=("messages", "ignore_roles", "return_context", "strict_ontology"), writes=True, status=202,
    ),
    Route(method="GET", path="threads/{thread_uuid}/messages", model=zep.MessagePage, act=list_messages),
    Route(method="GET", path="threads/{thread_uuid}/context", model=zep.ThreadContextResponse, act=context),
    Route(method="GET", path="threads/{thread_uuid}/summary", model=zep.ThreadSummary, act=summary),
)  # fmt: skip
