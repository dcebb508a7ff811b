"""The store: it says what LangGraph's own says, finds by meaning, keeps times, and loses nothing to races."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from gateway.client import AsyncGateway, Gateway
from gateway.client.frameworks.langgraph import GatewayStore
from gateway.client.frameworks.langgraph.storing import Storing
from tests.gateways import SQLITE, gateway

SPACES = [("users",), ("users", "ann"), ("users", "ann", "notes"), ("users", "ann2"), ("teams", "ann"), ("a_b", "%")]
VALUES: list[dict[str, Any]] = [
    {"text": "likes tea", "n": 1, "deep": {"a": "x", "b": 2.5}},
    {"text": "likes coffee", "n": 5, "tags": ["a", "b"], "flag": True},
    {"text": "x" * 600, "n": 2**60, "a.b": "dotted", "none": None},
    {"n": 3, "deep": {"a": "y", "more": {"c": ["x"]}}},
    {},
]
FILTERS: list[dict[str, Any] | None] = [
    None,
    {"text": "likes tea"},
    {"n": {"$gt": 1, "$lte": 5}},
    {"deep": {"a": "x"}},
    {"tags": ["a", "b"]},
    {"text": "x" * 600},
    {"a.b": "dotted"},
    {"n": {"$ne": 1}},
    {"none": None},
    {"text": {"$eq": "likes coffee"}, "n": {"$gte": 2}},
    {"n": 2**60},
    {"text": "likes tea", "n": 5},
]


def shown(items: Any) -> list[Any]:
    return sorted(((item.namespace, item.key, str(item.value)) for item in items), key=str)


def test_it_says_what_the_store_of_langgraph_says(blocking: Gateway) -> None:
    ours, theirs, random = GatewayStore(blocking), InMemoryStore(), Random(7)
    for _ in range(60):
        space, key = random.choice(SPACES), random.choice(["k", "k2", "ü/?"])
        value = random.choice([*VALUES, None])
        for store in (ours, theirs):
            if value is None:
                store.delete(space, key)
            else:
                store.put(space, key, value)
        found, wanted = ours.get(space, key), theirs.get(space, key)
        assert (found and (found.value, found.key, found.namespace)) == (
            wanted and (wanted.value, wanted.key, wanted.namespace)
        )
    for prefix in [(), ("users",), ("users", "ann"), ("teams",), ("nobody",), ("%",)]:
        for wanted in FILTERS:
            there = [item for item in theirs.search(prefix, limit=100) if _orders(item.value, wanted)]
            expected = shown(item for item in there if _keeps(item, wanted))
            assert shown(ours.search(prefix, filter=wanted, limit=100)) == expected, (prefix, wanted)
    listings: list[dict[str, Any]] = [
        {}, {"prefix": ("users",)}, {"suffix": ("ann",)}, {"prefix": ("users", "*")}, {"max_depth": 1},
        {"prefix": ("users",), "suffix": ("notes",)}, {"limit": 2, "offset": 1}, {"suffix": ("*", "ann")},
    ]  # fmt: skip
    emptied = {space for space in SPACES if not theirs.search(space, limit=1)}
    for listing in listings:
        if not emptied or "limit" not in listing:
            assert set(ours.list_namespaces(**listing)) == {
                space for space in theirs.list_namespaces(**listing) if theirs.search(space, limit=1)
            }, listing


def _orders(value: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    ordering = isinstance((wanted or {}).get("n"), dict) and "$ne" not in (wanted or {})["n"]
    return not ordering or "n" in value


def _keeps(item: Any, wanted: dict[str, Any] | None) -> bool:
    alone = InMemoryStore()
    alone.put(item.namespace, item.key, item.value)
    return bool(alone.search((), filter=wanted))


def test_pages_follow_each_other_newest_first(blocking: Gateway) -> None:
    store = GatewayStore(blocking)
    store.batch([PutOp(("n",), f"k{n}", {"n": n}) for n in range(12)])
    assert [item.key for item in store.search(("n",), limit=5, offset=3)] == [f"k{n}" for n in (8, 7, 6, 5, 4)]
    assert [item.key for item in store.search(("n",), filter={"n": {"$lt": 3}}, limit=2)] == ["k2", "k1"]


def test_it_finds_by_meaning_only_what_is_to_be_found_and_by_nothing_else(blocking: Gateway) -> None:
    store = GatewayStore(blocking)
    food = {"text": "Ann is fond of spicy noodles", "secret": "zebra crossing"}
    store.put(("users", "ann"), "food", food)
    store.put(("users", "ann"), "car", {"text": "Her car is a red convertible"})
    store.put(("users", "bob"), "food", {"text": "Bob eats noodles every day"})
    store.put(("users", "ann"), "hidden", {"text": "noodles and soup"}, index=False)
    store.put(("users", "ann"), "part", {"title": "the weather", "body": "noodles"}, index=["title"])
    (best, *rest) = store.search(("users", "ann"), query="what food does she like, noodles?", limit=2)
    assert (best.key, best.value) == ("food", food)
    assert best.score is not None
    assert {"hidden", "bob"}.isdisjoint(item.key for item in rest)
    assert store.search(("users", "bob"), query="noodles")[0].namespace == ("users", "bob")
    assert store.get(("users", "ann"), "hidden") is not None
    by_field = {item.key: item.score or 0 for item in store.search(("users", "ann"), query="noodles")}
    assert by_field.get("part", 0) < by_field["food"]
    assert [item.key for item in store.search((), query="noodles", filter={"text": food["text"]})] == ["food"]


async def test_reads_of_a_batch_see_what_was_before_and_the_last_put_of_a_key_holds(awaiting: AsyncGateway) -> None:
    store = GatewayStore(awaiting)
    got, _, _, found = await store.abatch(
        [GetOp(("a",), "k"), PutOp(("a",), "k", {"n": 1}), PutOp(("a",), "k", {"n": 2}), SearchOp(("a",))]
    )
    assert (got, found) == (None, [])
    item = await store.aget(("a",), "k")
    assert item is not None and item.value == {"n": 2}


async def test_owners_whom_the_client_does_not_name_each_keep_an_item_of_one_key(gateway_url: str, user: str) -> None:
    """Who they are may be told by headers alone, or by a token: here by what each call adds."""

    class Unnamed(AsyncGateway):
        scope = {}  # type: ignore[assignment]

    for n in range(7):
        store = GatewayStore(Unnamed(gateway_url, user_id=f"{user}-{n}"))
        await store.aput(("a",), "k", {"n": n})
        assert [item.value for item in await store.asearch(("a",))] == [{"n": n}]


async def test_racing_puts_of_a_key_leave_one_item(awaiting: AsyncGateway) -> None:
    stores = [GatewayStore(awaiting) for _ in range(8)]
    for _ in range(3):
        await asyncio.gather(*[store.aput(("a",), "k", {"n": n}) for n, store in enumerate(stores)])
        assert len(await stores[0].asearch(("a",))) == 1
        await stores[0].adelete(("a",), "k")
        assert await stores[0].asearch(("a",)) == []
    again = [GatewayStore(awaiting.scoped(route="everything")) for _ in range(8)]
    await asyncio.gather(*[store.aput(("b",), "k", {"n": n}) for n, store in enumerate(again)])
    assert len(await stores[0].asearch(("b",))) == 1
    bare = [awaiting.memories.add("k", metadata={"k": 1}) for _ in range(8)]  # as it would be without a key of its own
    await asyncio.gather(*bare)
    assert len((await awaiting.memories.list()).memories) == 9


def test_a_change_keeps_when_it_began_and_items_of_others_are_not_found(blocking: Gateway) -> None:
    store = GatewayStore(blocking)
    store.put(("a",), "k", {"n": 1})
    first = store.get(("a",), "k")
    store.put(("a",), "k", {"n": 2})
    second = store.get(("a",), "k")
    assert first is not None and second is not None
    assert first.created_at == second.created_at
    assert first.updated_at < second.updated_at
    eve = GatewayStore(blocking.user("eve"))
    assert eve.get(("a",), "k") is None
    assert eve.search(()) == [] == eve.list_namespaces()
    eve.delete(("a",), "k")
    assert store.get(("a",), "k") is not None


def test_namespaces_that_langgraph_refuses_are_refused_in_batches_too(blocking: Gateway) -> None:
    store = GatewayStore(blocking)
    for bad in [("a.b",), ("",)]:
        with pytest.raises(InvalidNamespaceError):
            store.batch([PutOp(bad, "k", {"n": 1})])


async def test_what_has_a_time_to_live_goes_and_reading_it_begins_anew(tmp_path: Path) -> None:
    async with gateway(tmp_path, SQLITE) as served:
        transport = httpx.ASGITransport(app=served.app, raise_app_exceptions=False)
        client = AsyncGateway("http://localhost", transport=transport, user_id="ann")
        store = GatewayStore(client, ttl={"default_ttl": 10, "refresh_on_read": False})
        store._storing = Storing((), None, served.clock)  # pyright: ignore[reportPrivateUsage]
        await store.aput(("a",), "short", {"n": 1})
        await store.aput(("a",), "long", {"n": 1}, ttl=None)
        await store.aput(("a",), "read", {"n": 1})
        served.clock.forward(minutes=6)
        assert await store.aget(("a",), "read", refresh_ttl=True) is not None
        assert await store.aget(("a",), "short") is not None  # read, and not refreshed: so the store was set
        served.clock.forward(minutes=6)
        assert {item.key for item in await store.asearch(("a",))} == {"long", "read"}
        served.clock.forward(minutes=6)
        assert {item.key for item in await store.asearch(("a",))} == {"long"}
        await client.close()
