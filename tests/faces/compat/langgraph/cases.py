"""Every public method of the SDK's store: what it does here; and that the rest of the SDK is refused in words."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from langgraph_sdk import errors
from langgraph_sdk.client import StoreClient

from tests.faces.compat.langgraph.world import KINDS, World
from tests.faces.compat.place import BACKENDS, named
from tests.faces.compat.proofs import Client, Proofs, methods_of

PROOFS = proof = Proofs()
OTHERS = ("assistants.*", "threads.*", "runs.*")
LANGGRAPH = Client(
    dialect="LangGraph's store",
    package="langgraph-sdk",
    classes=KINDS,
    methods=(*methods_of(StoreClient, "store."), *OTHERS),
    proofs=PROOFS,
    backends=BACKENDS,
)


def keys(found: dict[str, Any]) -> list[str]:
    return [each["key"] for each in found["items"]]


@proof("store.put_item", "a new item, or a new version of the one that is there; `ttl`; a bad namespace is refused")
async def put_item(world: World) -> None:
    client, root = world.client(), named("ns")
    value = {"name": "Ada", "deep": {"list": [1, None, {"a.b": "*"}]}, "score": 1.5}
    await client("store.put_item", [root, "users"], "k/1 ö", value)
    item = await client("store.get_item", [root, "users"], "k/1 ö")
    assert (item["namespace"], item["key"], item["value"]) == ([root, "users"], "k/1 ö", value)
    await client("store.put_item", [root, "users"], "k/1 ö", {"name": "Bob"}, index=False)
    again = await client("store.get_item", [root, "users"], "k/1 ö")
    assert (again["value"], again["created_at"]) == ({"name": "Bob"}, item["created_at"])
    assert again["updated_at"] > item["updated_at"]
    assert keys(await client("store.search_items", [root])) == ["k/1 ö"]
    await client("store.put_item", [root], "short", {"a": 1}, ttl=0.01)
    until = time.monotonic() + 20
    while await client("store.get_item", [root], "short", refresh_ttl=False):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    with pytest.raises(errors.UnprocessableEntityError, match="labels of a namespace"):
        await client("store.put_item", [root, ""], "k", {})
    with pytest.raises(errors.UnprocessableEntityError, match="first label"):
        await client("store.put_item", ["langgraph"], "k", {})


@proof("store.get_item", "the item of exactly this namespace and key, of this tenant; null where there is none")
async def get_item(world: World) -> None:
    client, root = world.client(), named("ns")
    await client("store.put_item", [root, "a"], "k", {"n": 1})
    assert (await client("store.get_item", [root, "a"], "k"))["value"] == {"n": 1}
    for namespace, key in (([root], "k"), ([root, "a", "k"], "k"), ([root, "a"], "K"), ([root, "*"], "k")):
        assert await client("store.get_item", namespace, key) is None
    assert await world.client(tenant="-other")("store.get_item", [root, "a"], "k") is None


@proof("store.delete_item", "it is gone, and nothing else; of one that is not there nothing is said")
async def delete_item(world: World) -> None:
    client, root = world.client(), named("ns")
    for key in ("a", "b"):
        await client("store.put_item", [root], key, {"n": key})
    for _ in range(2):
        await client("store.delete_item", [root], "a")
    assert keys(await client("store.search_items", [root])) == ["b"]
    await client("store.put_item", [root], "a", {"n": "again"})
    assert (await client("store.get_item", [root], "a"))["value"] == {"n": "again"}
    with pytest.raises(errors.PermissionDeniedError, match="lacks the role 'writer'"):
        await world.client("reader")("store.delete_item", [root], "a")


@proof("store.search_items", "below a prefix, by `$eq $ne $gt $gte $lt $lte`, by a query with a score; limit, offset")
async def search_items(world: World) -> None:
    client, root = world.client(), named("ns")
    kept = {
        "tea": {"text": "drinks green tea every day", "n": 1, "of": {"who": "ada"}, "tags": ["x", "y"]},
        "violin": {"text": "plays the violin", "n": 2, "of": {"who": "bob"}},
        "bicycle": {"text": "owns a red bicycle", "n": 3, "of": {"who": "ada"}, "flag": True},
    }
    for key, value in kept.items():
        await client("store.put_item", [root, "facts", key], key, value)
    await client("store.put_item", [f"{root}x"], "elsewhere", {"text": "green tea"})

    async def found(**more: Any) -> set[str]:
        return set(keys(await client("store.search_items", [root, "facts"], **more)))

    assert await found() == set(kept)
    for wanted, passing in (
        ({"n": 2}, {"violin"}), ({"n": {"$eq": 2}}, {"violin"}), ({"n": {"$ne": 2}}, {"tea", "bicycle"}),
        ({"n": {"$gt": 1, "$lte": 3}}, {"violin", "bicycle"}), ({"n": {"$gte": 3}}, {"bicycle"}),
        ({"n": {"$lt": 2}}, {"tea"}), ({"of": {"who": "ada"}, "flag": True}, {"bicycle"}),
        ({"tags": ["x", "y"]}, {"tea"}), ({"text": "*"}, set[str]()),
    ):  # fmt: skip
        assert await found(filter=wanted) == passing, wanted
    pages = [await client("store.search_items", [root], limit=2, offset=at) for at in (0, 2, 4)]
    assert [len(each["items"]) for each in pages] == [2, 1, 0]
    assert set(keys(pages[0]) + keys(pages[1])) == set(kept)
    best = (await client("store.search_items", [root], query="green tea", limit=2))["items"]
    assert (best[0]["key"], best[0]["score"] > best[1]["score"]) == ("tea", True)
    assert keys(await client("store.search_items", [root], query="green tea", filter={"n": {"$gt": 2}})) == ["bicycle"]
    with pytest.raises(errors.BadRequestError, match=r"no operator '\$in'"):
        await found(filter={"n": {"$in": [1]}})


@proof("store.list_namespaces", "each once, by prefix, suffix and `*`, cut at `max_depth`; limit, offset")
async def list_namespaces(world: World) -> None:
    client, root = world.client(), named("ns")
    every = [[root, "ada", "notes"], [root, "ada", "tasks"], [root, "bob", "notes"]]
    for namespace in every:
        for key in ("one", "two"):
            await client("store.put_item", namespace, key, {"n": 1})

    async def found(**more: Any) -> list[list[str]]:
        return (await client("store.list_namespaces", **more))["namespaces"]

    assert await found(prefix=[root]) == every
    assert await found(prefix=[root, "ada"]) == every[:2]
    assert await found(prefix=[root, "a"]) == []
    assert await found(prefix=[root], suffix=["notes"]) == [every[0], every[2]]
    assert await found(prefix=[root, "*", "notes"]) == [every[0], every[2]]
    assert await found(prefix=[root], suffix=["bob", "*"]) == [every[2]]
    assert await found(prefix=[root], max_depth=2) == [[root, "ada"], [root, "bob"]]
    assert await found(prefix=[root], limit=1, offset=1) == [every[1]]


async def refused(world: World, method: str, *arguments: Any) -> None:
    with pytest.raises(errors.InternalServerError, match="runs no graphs"):
        await world.client()(method, *arguments)


@proof("assistants.*", "the gateway runs no graphs", "refused")
async def assistants(world: World) -> None:
    await refused(world, "assistants.search")
    await refused(world, "assistants.get", "x")


@proof("threads.*", "the gateway runs no graphs; the checkpointer of its own client keeps threads", "refused")
async def threads(world: World) -> None:
    await refused(world, "threads.create")
    await refused(world, "threads.get", "x")
    await refused(world, "threads.search")
    await refused(world, "threads.get_state", "x")
    with pytest.raises(errors.NotFoundError):
        await world.client()("threads.delete", "x")


@proof("runs.*", "the gateway runs no graphs", "refused")
async def runs(world: World) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:  # the SDK reads no words here
        await world.client()("runs.wait", None, "x")
    assert "runs no graphs" in caught.value.response.text
    await refused(world, "runs.create", "x", "y")
