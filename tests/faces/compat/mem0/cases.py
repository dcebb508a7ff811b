"""Every public method of mem0's MemoryClient and AsyncMemoryClient: what it does here, or with which words it is refused."""

from typing import Any

import pytest

from tests.faces.compat.mem0.library import exceptions, mem0, project
from tests.faces.compat.mem0.world import BACKENDS, KINDS, World
from tests.faces.compat.proofs import Client, Proofs, methods_of

Refused, ValidationError = exceptions.MemoryError, exceptions.ValidationError
MemoryNotFoundError = exceptions.MemoryNotFoundError

PROOFS = proof = Proofs()
MEM0 = Client(
    dialect="mem0 platform",
    package="mem0ai",
    classes=KINDS,
    methods=(*methods_of(mem0.MemoryClient), *methods_of(project.Project, "project.")),
    proofs=PROOFS,
    backends=BACKENDS,
)


def texts(found: dict[str, Any]) -> list[str]:
    return [each["memory"] for each in found["results"]]


def ids(added: dict[str, Any]) -> list[str]:
    return [each["id"] for each in added["results"]]


@proof(
    "add", "a text, a message and several are kept one by one, system messages left out, with owner, metadata and end"
)
async def add(world: World) -> None:
    client, user = await world.client(), world.name()
    one = await client("add", "likes green tea", user_id=user, metadata={"topic": "drinks", "deep": {"n": [1]}})
    assert (one["status"], [each["event"] for each in one["results"]]) == ("SUCCEEDED", ["ADD"])
    await client("add", {"role": "user", "content": "lives in Rome", "name": "Ada"}, filters={"user_id": user})
    several = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "has a cat"},
        {"role": "assistant", "content": "cats are fine"},
    ]
    more = {"agent_id": "bot", "run_id": "r1", "app_id": "shop", "timestamp": 1_700_000_000, "immutable": True}
    await client("add", several, user_id=user, infer=False, expiration_date="2099-12-31", categories=["pets"], **more)
    found = {each["memory"]: each for each in (await client("get_all", filters={"user_id": user}))["results"]}
    assert found.keys() == {"likes green tea", "lives in Rome", "has a cat", "cats are fine"}
    assert found["likes green tea"]["metadata"] == {"topic": "drinks", "deep": {"n": [1]}}
    assert (found["lives in Rome"]["role"], found["lives in Rome"]["actor_id"]) == ("user", "Ada")
    cat = found["has a cat"]
    assert {name: cat[name] for name in more} == more
    assert (cat["user_id"], cat["categories"], cat["expiration_date"]) == (user, ["pets"], "2099-12-31")
    assert cat["created_at"].startswith("2023-11-14T22:13:20")
    with pytest.raises(ValidationError, match="needs user_id"):
        await client("add", "nobody's")
    with pytest.raises(ValidationError, match="expiration_date"):
        await client("add", "x", user_id=user, expiration_date="tomorrow")


@proof(
    "search", "the best first, of the owner named and nobody else, at most `top_k`, above `threshold`, only `fields`"
)
async def search(world: World) -> None:
    client, user, other = await world.client(), world.name(), world.name()
    for text in ("drinks green tea every day", "plays the violin", "owns a red bicycle"):
        await client("add", text, user_id=user, metadata={"kind": text.split()[0]})
    await client("add", "drinks tea with milk", user_id=other)
    found = await client("search", "drinks green tea", filters={"user_id": user}, top_k=2)
    assert texts(found)[0] == "drinks green tea every day"
    assert len(found["results"]) == 2
    assert found["results"][0]["score"] > found["results"][1]["score"]
    assert "drinks tea with milk" not in texts(await client("search", "tea", filters={"user_id": user}))
    only = await client("search", "music", filters={"user_id": user, "metadata": {"kind": "plays"}}, fields=["memory"])
    assert [set(each) for each in only["results"]] == [{"id", "memory", "score"}]
    assert texts(only) == ["plays the violin"]
    assert texts(await client("search", "music at home", filters={"user_id": user}, threshold=0.95)) == []
    with pytest.raises(ValidationError, match="at least one of user_id"):
        await client("search", "tea", filters={"metadata": {"kind": "plays"}})


@proof("get", "the memory by its id alone, whoever owns it; another tenant's is absent")
async def get(world: World) -> None:
    client, user = await world.client(), world.name()
    (id_,) = ids(await client("add", "has a secret", user_id=user, agent_id="bot"))
    shown = await client("get", id_)
    assert (shown["id"], shown["memory"], shown["user_id"], shown["agent_id"]) == (id_, "has a secret", user, "bot")
    elsewhere = await world.client(tenant="-other")
    with pytest.raises(MemoryNotFoundError, match="no memory with this id"):
        await elsewhere("get", id_)
    (kept,) = ids(await client("add", "on another route", user_id=world.name("vip")))
    assert (await client("get", kept))["memory"] == "on another route"


@proof("get_all", "pages, newest first, with a count; by owner, metadata, dates, categories, `*`, AND, OR, NOT")
async def get_all(world: World) -> None:
    client, user = await world.client(), world.name()
    for number in range(5):
        await client("add", f"note {number}", user_id=user, metadata={"n": number})
    pages = [await client("get_all", filters={"user_id": user}, page=page, page_size=2) for page in (1, 2, 3)]
    assert [texts(each) for each in pages] == [["note 4", "note 3"], ["note 2", "note 1"], ["note 0"]]
    assert [each["count"] for each in pages] == [5, 5, 5]
    assert [(each["next"] is None, each["previous"] is None) for each in pages] == [
        (False, True), (False, False), (True, False)
    ]  # fmt: skip
    wide = {"AND": [{"user_id": user}, {"NOT": [{"metadata": {"n": {"in": [0, 1]}}}]}]}
    assert texts(await client("get_all", filters=wide)) == ["note 4", "note 3", "note 2"]


@proof("update", "text, metadata and end change, what is not named stays; an immutable one refuses")
async def update(world: World) -> None:
    client, user = await world.client(), world.name()
    (id_,) = ids(await client("add", "likes tea", user_id=user, metadata={"a": 1, "b": 1}))
    changed = await client("update", id_, text="likes coffee", metadata={"b": 2})
    assert (changed["memory"], changed["metadata"]) == ("likes coffee", {"a": 1, "b": 2})
    assert (await client("update", id_, expiration_date="2099-01-31"))["expiration_date"] == "2099-01-31"
    assert (await client("update", id_, expiration_date=None))["expiration_date"] is None
    assert (await client("update", id_, timestamp=1_700_000_000))["timestamp"] == 1_700_000_000
    assert (await client("get", id_))["memory"] == "likes coffee"
    assert texts(await client("search", "coffee", filters={"user_id": user})) == ["likes coffee"]
    (fixed,) = ids(await client("add", "born in May", user_id=user, immutable=True))
    with pytest.raises(ValidationError, match="immutable"):
        await client("update", fixed, text="born in June")
    with pytest.raises(MemoryNotFoundError):
        await client("update", "01970000-0000-7000-8000-000000000000", text="x")


@proof("delete", "it is gone for every reader, and a second time absent")
async def delete(world: World) -> None:
    client, user = await world.client(), world.name()
    gone, stays = ids(
        await client("add", [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], user_id=user)
    )
    await client("delete", gone)
    assert [each["id"] for each in (await client("get_all", filters={"user_id": user}))["results"]] == [stays]
    for call in ("get", "delete"):
        with pytest.raises(MemoryNotFoundError):
            await client(call, gone)


@proof(
    "delete_all", "what is named is gone and nothing else; a filter that names nobody or is not understood is refused"
)
async def delete_all(world: World) -> None:
    client, user, other = await world.client(), world.name(), world.name()
    for owner in (user, other):
        await client("add", [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}], user_id=owner)
    unclear: list[dict[str, Any]] = [
        {}, {"filters": {"usr_id": user}}, {"filters": {}}, {"filters": "user_id is " + user}, {"user_id": ""},
        {"user": user}, {"filters": {"NOT": [{"user_id": user}]}}, {"metadata": {"a": 1}}, {"filters": "{1, 2}"},
        {"filters": {"user_id": user, "also": 1}},
    ]  # fmt: skip
    for each in unclear:
        with pytest.raises(ValidationError):
            await client("delete_all", **each)
    assert (await client("get_all", filters={"user_id": user}))["count"] == 2
    await client("delete_all", filters={"user_id": user})  # sent as what Python prints for it
    assert (await client("get_all", filters={"user_id": user}))["count"] == 0
    assert (await client("get_all", filters={"user_id": other}))["count"] == 2
    await client("delete_all", user_id=other)
    assert (await client("get_all", filters={"user_id": other}))["count"] == 0


@proof("history", "what it said before, step by step; of a deleted one, the steps")
async def history(world: World) -> None:
    client, user = await world.client(), world.name()
    (id_,) = ids(await client("add", "first", user_id=user))
    await client("update", id_, text="second")
    steps = await client("history", id_)
    assert [(each["event"], each["old_memory"], each["new_memory"]) for each in steps] == [
        ("ADD", None, "first"), ("UPDATE", "first", "second")
    ]  # fmt: skip
    assert {each["user_id"] for each in steps} == {user}
    await client("delete", id_)
    assert [each["event"] for each in await client("history", id_)] == ["ADD", "UPDATE", "DELETE"]


@proof("users", "the users, agents, apps and runs that have memories, of the caller's tenant and within its right")
async def users(world: World) -> None:
    client, user = await world.client(), world.name()
    named = {"user_id": user, "agent_id": world.name("a"), "app_id": world.name("p"), "run_id": world.name("r")}
    await client("add", "x", **named)
    listed = await client("users")
    found = {(each["type"], each["name"]) for each in listed["results"]}
    assert {(kind.removesuffix("_id"), name) for kind, name in named.items()} <= found
    bound = await world.client("bound")
    await bound("add", "mine", user_id="ada")
    assert {each["name"] for each in (await bound("users"))["results"] if each["type"] == "user"} == {"ada"}
    other = await (await world.client(tenant="-other"))("users")
    assert user not in {each["name"] for each in other["results"]}


@proof("delete_users", "all memories of one user, agent, app or run are gone, and nobody else's")
async def delete_users(world: World) -> None:
    client, user, agent, app = await world.client(), world.name(), world.name("a"), world.name("p")
    await client("add", "of the agent", user_id=user, agent_id=agent)
    await client("add", "of the app", user_id=user, app_id=app)
    await client("add", "of neither", user_id=user)
    await client("delete_users", agent_id=agent)
    assert set(texts(await client("get_all", filters={"user_id": user}))) == {"of the app", "of neither"}
    await client("delete_users", app_id=app)
    assert texts(await client("get_all", filters={"user_id": user})) == ["of neither"]
    await client("delete_users", user_id=user)
    assert (await client("get_all", filters={"user_id": user}))["count"] == 0


@proof("reset", "the tenant has no memories any more; every other tenant has all of its own")
async def reset(world: World) -> None:
    client, other = await world.client(tenant="-reset"), await world.client(tenant="-other")
    user = world.name()
    for each in (client, other):
        await each("add", "x", user_id=user, agent_id="bot")
        await each("add", "y", agent_id="bot")
        await each("add", "z", user_id=f"vip-{user}")
    await client("reset")
    assert (await client("users"))["results"] == []
    assert (await client("get_all", filters={"OR": [{"user_id": "*"}, {"agent_id": "*"}]}))["count"] == 0
    assert texts(await other("get_all", filters={"user_id": user})) == ["x"]
    assert texts(await other("get_all", filters={"user_id": f"vip-{user}"})) == ["z"]


@proof("batch_update", "each is changed; where one is not there, none is")
async def batch_update(world: World) -> None:
    client, user = await world.client(), world.name()
    one, two = ids(
        await client("add", [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], user_id=user)
    )
    absent = {"memory_id": "01970000-0000-7000-8000-000000000000", "text": "z"}
    with pytest.raises(MemoryNotFoundError):
        await client("batch_update", [{"memory_id": one, "text": "z"}, absent])
    assert (await client("get", one))["memory"] == "a"
    said = await client("batch_update", [{"memory_id": one, "text": "c"}, {"memory_id": two, "metadata": {"k": 1}}])
    assert said["message"] == "Successfully updated 2 memories"
    assert (await client("get", one))["memory"] == "c"
    assert (await client("get", two))["metadata"] == {"k": 1}


@proof("batch_delete", "each is gone")
async def batch_delete(world: World) -> None:
    client, user = await world.client(), world.name()
    made = ids(await client("add", [{"role": "user", "content": each} for each in "abc"], user_id=user))
    await client("batch_delete", [{"memory_id": each} for each in made[:2]])
    assert [each["id"] for each in (await client("get_all", filters={"user_id": user}))["results"]] == made[2:]


@proof("create_memory_export", "answers with an id; a filter that names nobody is refused")
async def create_memory_export(world: World) -> None:
    client, user = await world.client(), world.name()
    assert (await client("create_memory_export", schema="{}", user_id=user))["id"]
    with pytest.raises(ValidationError):
        await client("create_memory_export", schema="{}", filters={"nobody": 1})


@proof("get_memory_export", "the memories as they are, by the id of an export or by filters; no model shapes them")
async def get_memory_export(world: World) -> None:
    client, user = await world.client(), world.name()
    await client("add", "likes tea", user_id=user)
    made = await client("create_memory_export", schema="{}", filters={"user_id": user})
    fetched = await client("get_memory_export", memory_export_id=made["id"])
    assert [each["memory"] for each in fetched["memories"]] == ["likes tea"]
    assert (await client("get_memory_export", user_id=user))["memories"] == fetched["memories"]
    elsewhere = await (await world.client(tenant="-other"))("get_memory_export", memory_export_id=made["id"])
    assert elsewhere["memories"] == []
    with pytest.raises(MemoryNotFoundError, match="no export"):
        await client("get_memory_export", memory_export_id="nonsense")


@proof("feedback", "is kept with the memory and found by a filter")
async def feedback(world: World) -> None:
    client, user = await world.client(), world.name()
    (id_,) = ids(await client("add", "likes tea", user_id=user))
    said = await client("feedback", id_, "NEGATIVE", feedback_reason="not true")
    assert (said["feedback"], said["feedback_reason"]) == ("NEGATIVE", "not true")
    judged = {"user_id": user, "metadata": {"feedback": "NEGATIVE"}}
    (found,) = (await client("get_all", filters=judged))["results"]
    assert (found["feedback"], found["feedback_reason"]) == ("NEGATIVE", "not true")
    with pytest.raises((ValidationError, ValueError)):
        await client("feedback", id_, "SOSO")


@proof("get_project", "the tenant's name; its settings are the operator's file")
async def get_project(world: World) -> None:
    assert (await (await world.client())("get_project"))["name"] == world.backend


@proof("project.get", "the tenant's name; its settings are the operator's file")
async def project_get(world: World) -> None:
    assert (await (await world.client())("project.get"))["name"] == world.backend


@proof("chat", "not written in the client yet", "client")
async def chat(world: World) -> None:
    with pytest.raises(NotImplementedError):
        await (await world.client())("chat")


_MODELS = "no model writes this here"
_FILES = "ask the operator"
_REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "get_summary": (_MODELS, {"filters": {"user_id": "u"}}),
    "get_profile": (_MODELS, {"entity_id": "u"}),
    "generate_profile": (_MODELS, {"entity_id": "u"}),
    "get_profile_settings": (_MODELS, {}),
    "update_profile_settings": (_MODELS, {"enabled": True}),
    "sample_profiles": (_MODELS, {}),
    "get_profile_job": (_MODELS, {"job_id_or_status_url": "j"}),
    "update_project": (_FILES, {"custom_instructions": "x"}),
    "get_webhooks": ("webhooks are not called", {"project_id": "p"}),
    "create_webhook": ("webhooks are not called", {"url": "u", "name": "n", "project_id": "p", "event_types": []}),
    "update_webhook": ("webhooks are not called", {"webhook_id": 1, "name": "n"}),
    "delete_webhook": ("webhooks are not called", {"webhook_id": 1}),
    "project.create": (_FILES, {"name": "n"}),
    "project.update": (_FILES, {"custom_instructions": "x"}),
    "project.delete": (_FILES, {}),
    "project.get_members": (_FILES, {}),
    "project.add_member": (_FILES, {"email": "a@example.org"}),
    "project.update_member": (_FILES, {"email": "a@example.org", "role": "READER"}),
    "project.remove_member": (_FILES, {"email": "a@example.org"}),
}
_BECAUSE = {
    _MODELS: "the gateway has no model; `/v1/context` gives a block for a prompt",
    _FILES: "the operator's files say it",
    "webhooks are not called": "the operator's `hooks:`",
}


def _refusal(method: str, words: str, named: dict[str, Any]) -> None:
    @proof(method, _BECAUSE[words], "refused")
    async def refused(world: World) -> None:
        with pytest.raises(Refused, match=words):
            await (await world.client())(method, **named)


for _method, (_words, _named) in _REFUSED.items():
    _refusal(_method, _words, _named)
