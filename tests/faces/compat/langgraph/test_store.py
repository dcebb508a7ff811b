"""Items are within exactly the namespace and the owner they were put under, whatever labels and clients there are."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client

from gateway.auth.keys import new_key
from gateway.client import Gateway as Client
from gateway.client.frameworks.langgraph import GatewayStore
from gateway.faces.compat.langgraph import items, store
from gateway.faces.http.exchange import Exchange
from gateway.services.views import Memory
from tests.faces.compat.place import Place, named
from tests.gateways import Gateway, gateway

pytestmark = pytest.mark.xdist_group("compat-clients")  # they share a gateway

KEY = new_key(os.urandom)
CONFIG = f"""
version: 1
faces: {{langgraph: true}}
providers: {{main: {{type: memory}}}}
tenants:
  acme:
    auth: {{api_keys: [{{hash: "{KEY.hash}", roles: [reader, writer]}}]}}
    routes:
      items: {{default: true, chain: main, scope: global}}
      people: {{chain: main, scope: user, identity: {{user: "{{header.x-user}}"}}}}
"""


class Raw:
    def __init__(self, served: Gateway) -> None:
        self.served = served

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {"x-api-key": KEY.text, **{name.replace("_", "-"): value for name, value in headers.items()}}
        reply = await self.served.http.request(method, path, json=body, headers=sent)
        return reply.status_code, reply.json() if reply.content else None

    async def put(self, namespace: list[str], key: str, value: Any = None, **more: Any) -> None:
        body = {"namespace": namespace, "key": key, "value": value or {"of": [*namespace, key]}, **more}
        assert await self.ask("PUT", "/store/items", body) == (204, None)

    async def below(self, *prefix: str, **more: Any) -> list[tuple[list[str], str]]:
        status, told = await self.ask("POST", "/store/items/search", {"namespace_prefix": prefix, "limit": 100, **more})
        assert status == 200, told
        return sorted((each["namespace"], each["key"]) for each in told["items"])


@pytest.fixture
async def raw(tmp_path: Path) -> AsyncGenerator[Raw]:
    async with gateway(tmp_path, CONFIG) as served:
        yield Raw(served)


HOSTILE: list[tuple[list[str], str]] = [
    (["a"], "b"), (["a", "b"], "b"), (["ab"], "b"), (["a b"], "b"), (["a/b"], "b"), (["a:b"], "b"), (["*"], "b"),
    (["%"], "b"), (["a%"], "b"), (["_"], "b"), (["a,b"], "b"), (["A"], "b"), (["a\n"], "b"), (['a","b'], "b"),
    (["a", "*"], "b"), (["0"], "b"), (["ns", "0"], "b"), (["{tenant}"], "b"), (["\uff41"], "b"), (["a"], "b.b"),
    (["$eq"], "$ne"), (["OR"], "AND"), (["a"], "b/../c"),
]  # fmt: skip


async def test_no_label_is_taken_for_another(raw: Raw) -> None:
    for namespace, key in HOSTILE:
        await raw.put(namespace, key)
    assert await raw.below() == sorted(HOSTILE)
    for namespace, _ in HOSTILE:
        wanted = sorted(each for each in HOSTILE if each[0][: len(namespace)] == namespace)
        assert await raw.below(*namespace) == wanted, namespace
    for namespace, key in HOSTILE:
        query = {"namespace": ".".join(namespace), "key": key}
        got = await raw.served.http.get("/store/items", params=query, headers={"x-api-key": KEY.text})
        assert got.json()["value"] == {"of": [*namespace, key]}
        assert (await raw.ask("DELETE", "/store/items", {"namespace": namespace, "key": key}))[0] == 204
        assert len(await raw.below()) == len(HOSTILE) - HOSTILE.index((namespace, key)) - 1


async def test_joined_they_would_be(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "identity", "/".join)
    await raw.put(["a", "b"], "c")
    await raw.put(["a/b"], "c")
    assert await raw.below() == [(["a/b"], "c")]


BAD: list[tuple[str, str, Any, str]] = [
    ("PUT", "/store/items", {"namespace": ["a.b"], "key": "k", "value": {}}, "bad_namespace"),
    ("PUT", "/store/items", {"namespace": [], "key": "k", "value": {}}, "bad_namespace"),
    ("PUT", "/store/items", {"namespace": ["a\0"], "key": "k", "value": {}}, "nul"),
    ("PUT", "/store/items", {"namespace": "ab", "key": "k", "value": {}}, "invalid_request"),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": [1]}, "invalid_request"),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k"}, "invalid_request"),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "ttl": 0}, "invalid_request"),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "user_id": "ada"}, "invalid_request"),
    ("GET", "/store/items?namespace=a..b&key=k", None, "bad_namespace"),
    ("GET", "/store/items?namespace=a", None, "invalid_request"),
    ("GET", "/store/items?namespace=a&namespace=b&key=k", None, "bad_query"),
    ("DELETE", "/store/items", {"namespace": ["a.b"], "key": "k"}, "bad_namespace"),
    ("DELETE", "/store/items", {"namespace": ["a"]}, "invalid_request"),
    ("POST", "/store/items/search", {"namespace_prefix": ["a.b"]}, "bad_namespace"),
    ("POST", "/store/items/search", {"namespace_prefix": [], "filter": {"$or": []}}, "bad_operator"),
    ("POST", "/store/items/search", {"namespace_prefix": [], "filter": {"a": {"$eq": 1, "b": 2}}}, "bad_filter"),
    ("POST", "/store/items/search", {"namespace_prefix": [], "limit": 0}, "invalid_request"),
    ("POST", "/store/items/search", {"prefix": []}, "invalid_request"),
    ("POST", "/store/namespaces", {"max_depth": 0}, "invalid_request"),
]


async def test_what_is_not_understood_is_refused_in_words(raw: Raw) -> None:
    await raw.put(["a"], "k")
    for method, path, body, code in BAD:
        status, told = await raw.ask(method, path, body)
        assert status in (400, 422), (path, body, told)
        assert (told["code"], isinstance(told["detail"], str)) == (code, True), (path, body, told)
    assert await raw.below() == [(["a"], "k")]


async def test_a_filter_decides_on_the_whole_value_where_metadata_cannot_hold_it(raw: Raw) -> None:
    await raw.put(["a"], "long", {"text": "x" * 300, "a.b": 1, "none": None})
    await raw.put(["a"], "other", {"text": "x" * 299, "a.b": 2, "none": 0})
    for wanted in ({"text": "x" * 300}, {"a.b": 1}, {"none": None}, {"a.b": {"$lt": 2}}, {"text": {"$ne": "x" * 299}}):
        assert await raw.below(filter=wanted) == [(["a"], "long")], wanted


async def test_an_item_is_found_by_what_its_index_names(raw: Raw) -> None:
    value = {"said": [{"text": "green tea"}, {"text": "violin"}], "other": "bicycle"}
    await raw.put(["a"], "some", value, index=["said[0].text"])
    await raw.put(["a"], "none", value, index=False)
    body = {"namespace_prefix": ["a"], "query": "green tea"}
    _, told = await raw.ask("POST", "/store/items/search", body)
    assert [(each["key"], each["value"]) for each in told["items"]] == [("some", value)]
    assert [each.content[0]["content"] async for each in _kept(raw)] == ["none", "green tea"]


async def _kept(raw: Raw) -> AsyncGenerator[Any]:
    reply = await raw.served.http.get("/v1/memories", headers={"x-api-key": KEY.text})
    for each in reply.json()["memories"]:
        yield type("Kept", (), each)


async def test_reading_renews_the_time_of_an_item_unless_the_client_says_otherwise(raw: Raw) -> None:
    await raw.put(["a"], "read", ttl=10)
    await raw.put(["a"], "seen", ttl=10)
    for _ in range(3):
        raw.served.clock.forward(minutes=6)
        assert (await raw.ask("GET", "/store/items?namespace=a&key=read"))[1] is not None
        await raw.ask("GET", "/store/items?namespace=a&key=seen&refresh_ttl=false")
    assert await raw.below(refresh_ttl=False) == [(["a"], "read")]
    raw.served.clock.forward(minutes=11)
    assert await raw.below() == []


async def test_owners_come_from_the_route_and_never_meet(raw: Raw) -> None:
    people = {"x_memory_route": "people"}
    for user in ("ann", "bob"):
        body = {"namespace": ["notes"], "key": "k", "value": {"of": user}}
        assert (await raw.ask("PUT", "/store/items", body, x_user=user, **people))[0] == 204
    for user in ("ann", "bob"):
        _, told = await raw.ask("POST", "/store/items/search", {"namespace_prefix": []}, x_user=user, **people)
        assert [each["value"] for each in told["items"]] == [{"of": user}]
    status, told = await raw.ask("GET", "/store/items?namespace=notes&key=k", **people)
    assert (status, told["code"]) == (400, "missing_scope_part")


async def test_the_clients_own_adapter_and_the_sdk_see_the_same_items(compat_place: Place) -> None:
    key, root = compat_place.keys["sqlite", "bound"], named("ns")
    sdk = get_sync_client(url=compat_place.url, api_key=key).store
    with Client(compat_place.url, api_key=key) as served:
        adapter = GatewayStore(served.user("ada"))
        adapter.put((root, "a"), "theirs", {"text": "green tea", "n": 1})
        sdk.put_item([root, "a"], "ours", {"text": "green tea too", "n": 2})
        item: Any = sdk.get_item([root, "a"], "theirs")
        assert item["value"] == {"text": "green tea", "n": 1}
        seen = adapter.get((root, "a"), "ours")
        assert seen is not None and seen.value == {"text": "green tea too", "n": 2}
        for both in (
            lambda: [each.key for each in adapter.search((root,), filter={"n": {"$gte": 1}})],
            lambda: [each["key"] for each in sdk.search_items([root], filter={"n": {"$gte": 1}})["items"]],
        ):
            assert sorted(both()) == ["ours", "theirs"]
        assert adapter.list_namespaces(prefix=(root,)) == [(root, "a")]
        adapter.put((root, "a"), "ours", {"n": 3})
        sdk.put_item([root, "a"], "theirs", {"n": 4})
        assert {each.key: each.value for each in adapter.search((root,))} == {"ours": {"n": 3}, "theirs": {"n": 4}}
        sdk.delete_item([root, "a"], "theirs")
        assert adapter.get((root, "a"), "theirs") is None
        adapter.delete((root, "a"), "ours")
        assert sdk.search_items([root])["items"] == []


def _first_they_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each looks whether the item is there before any of the others has made it."""
    looked, find = set[str](), store._find  # pyright: ignore[reportPrivateUsage]

    async def blind(exchange: Exchange, namespace: items.Namespace, key: str) -> list[Memory]:
        if exchange.request_id not in looked:
            looked.add(exchange.request_id)
            return []
        return await find(exchange, namespace, key)

    monkeypatch.setattr(store, "_find", blind)


async def test_two_that_make_an_item_at_the_same_time_make_one(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    _first_they_see_nothing(monkeypatch)
    await asyncio.gather(*(raw.put(["a"], "k", {"n": number}) for number in range(4)))
    assert len([each async for each in _kept(raw)]) == 1


def _no_key(_exchange: Exchange, _namespace: items.Namespace, _item: str, _taken: int) -> str:
    return ""


async def test_without_their_common_key_they_make_several(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    _first_they_see_nothing(monkeypatch)
    monkeypatch.setattr(store, "_key", _no_key)
    await asyncio.gather(*(raw.put(["a"], "k", {"n": number}) for number in range(4)))
    assert len([each async for each in _kept(raw)]) == 4
