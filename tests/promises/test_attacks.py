"""What somebody would try who has a key of one tenant and wants to see another: each by itself, over HTTP."""

import json
import random
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.gateways import Gateway, gateway
from tests.promises.tenancy import Key, Member, configuration, members

SECRET: Final = "canary of the other tenant"

# Filters that would widen a request if anything ever pasted them into its own.
TRICKS: Final[tuple[Any, ...]] = (
    {"user": "bob"},
    {"user": {"in": ["alice", "bob"]}},
    {"user": {"ne": "alice"}},
    {"user": "*"},
    {"OR": [{"user": "bob"}, {"user": "alice"}]},
    {"OR": [{"n": 1}, {"NOT": {"n": 1}}]},
    {"NOT": {"user": "alice"}},
    {"AND": []},
    {"NOT": []},
    {"n": {"exists": True}},
    {"id": {"exists": True}},
    {"created_at": {"gte": "1970-01-01"}},
    {"text": {"contains": "canary"}},
    {"x' OR '1'='1": {"ne": 1}},
    {"x": "') OR 1=1 --"},
)
# Refused as no filter at all.
NONSENSE: Final[tuple[Any, ...]] = (
    {"OR": {"user": "bob"}},
    {"AND": "x"},
    {"x": {"$ne": 1}},
    {"tenant": {"like": "%"}},
    {"tenant": {}},
    {"": 1},
)


class Two:
    """Two tenants in one store, with the same users; `theirs` are memories of the second, `mine` of the first."""

    def __init__(self, served: Gateway, made: list[Member]) -> None:
        self.http = served.http
        self.me, self.other = made
        self.mine: list[str] = []
        self.theirs: list[str] = []

    async def ask(self, method: str, path: str, key: Key | None = None, **more: Any) -> httpx.Response:
        """As the attacker, unless another key is named; nothing of the other tenant may come back."""
        used = key or self.me.free
        headers = [("Authorization", f"Bearer {used.text}"), *dict(more.pop("headers", {})).items()]
        got = await self.http.request(method, path, headers=headers, **more)
        if used is self.me.free or used is self.me.bound:
            told = got.text + repr(got.headers)
            assert SECRET not in told
            assert not [id_ for id_ in self.theirs if id_ in told.replace(path, "")]
            assert got.status_code < 500
        return got

    async def untouched(self) -> None:
        listed = (await self.ask("GET", "/v1/memories", self.other.free, params={"user_id": "alice"})).json()
        assert sorted(each["id"] for each in listed["memories"]) == sorted(self.theirs)
        assert {each["version"] for each in listed["memories"]} == {1}


@pytest.fixture(params=["type: memory", "type: sqlite, path: attacks.db"], ids=["memory", "sqlite"])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Two]:
    made = members(2, random.Random(1))
    async with gateway(tmp_path, configuration(made, request.param)) as served:
        both = Two(served, made)
        for key, text, ids in ((both.me.free, "mine", both.mine), (both.other.free, SECRET, both.theirs)):
            for n in range(3):
                body = {"user_id": "alice", "content": f"{text} {n}", "metadata": {"n": n}}
                ids.append((await both.ask("POST", "/v1/memories", key, json=body)).json()["id"])
        yield both
        await both.untouched()


async def test_no_body_header_path_or_query_names_another_tenant(two: Two) -> None:
    other = two.other.name
    for name in ("tenant", "tenant_id", "tenantId", "space", "scope", "principal"):
        got = await two.ask("POST", "/v1/memories", json={"user_id": "alice", "content": "x", name: other})
        assert (got.status_code, got.json()["code"]) == (422, "invalid_request")
        got = await two.ask("GET", "/v1/memories", params={"user_id": "alice", name: other})
        assert (got.status_code, got.json()["code"]) == (422, "invalid_request")
    for name in ("X-Tenant", "X-Tenant-Id", "X-Memory-Tenant", "X-Forwarded-User", "X-User-Id", "Tenant"):
        got = await two.ask("GET", "/v1/memories", params={"user_id": "alice"}, headers={name: other})
        assert sorted(each["id"] for each in got.json()["memories"]) == sorted(two.mine)
    for path in (f"/v1/tenants/{other}/memories", f"/{other}/v1/memories", f"/v1/{other}/memories"):
        assert (await two.ask("GET", path, params={"user_id": "alice"})).status_code == 404


async def test_anothers_id_is_an_absent_id(two: Two) -> None:
    body = {"user_id": "alice", "content": "overwritten"}
    for path, method, send in (
        ("", "GET", None), ("", "PATCH", body), ("", "DELETE", None), ("/history", "GET", None),
    ):  # fmt: skip
        answers: list[Any] = []
        for id_ in (two.theirs[0], "0192f3c0-0000-7000-8000-000000000000"):
            target = f"/v1/memories/{id_}{path}"
            more: dict[str, Any] = {"json": send} if send else {"params": {"user_id": "alice"}}
            got = await two.ask(method, target, **more)
            answers.append((got.status_code, {**got.json(), "request_id": ""}))
        assert answers[0] == answers[1]


async def test_anothers_cursor_leads_nowhere(two: Two) -> None:
    page = {"user_id": "alice", "limit": "1"}
    theirs = (await two.ask("GET", "/v1/memories", two.other.free, params=page)).json()["cursor"]
    mine = (await two.ask("GET", "/v1/memories", params=page)).json()["cursor"]
    assert (await two.ask("GET", "/v1/memories", params={**page, "cursor": mine})).status_code == 200
    refused = {"theirs": theirs, "flipped": ("A" if mine[0] != "A" else "B") + mine[1:], "short": mine[:8], "no": "!"}
    for cursor in refused.values():
        got = await two.ask("GET", "/v1/memories", params={**page, "cursor": cursor})
        assert (got.status_code, got.json()["code"]) == (404, "bad_cursor")
    got = await two.ask("GET", "/v1/memories", params={**page, "cursor": mine, "user_id": "bob"})
    assert (got.status_code, got.json()["code"]) == (404, "bad_cursor")


async def test_idempotency_keys_of_two_tenants_never_meet(two: Two) -> None:
    body = {"user_id": "carol", "content": "the same"}
    ids: set[str] = set()
    for key in (two.me.free, two.other.free, two.me.bound, two.other.bound):
        mine = {**body, "user_id": key.principal.user or "carol"}
        got = await two.ask("POST", "/v1/memories", key, json=mine, headers={"Idempotency-Key": "k"})
        assert (got.status_code, got.json()["replayed"]) == (201, False)
        ids.add(got.json()["id"])
        if key is two.other.bound:  # alice's: what the fixture checks must be as it was
            await two.ask("DELETE", f"/v1/memories/{got.json()['id']}", key, params={"user_id": "alice"})
    assert len(ids) == 4


async def test_no_filter_widens_a_request(two: Two) -> None:
    body = {"user_id": "bob", "content": "bob's own", "metadata": {"n": 1}}
    bobs = (await two.ask("POST", "/v1/memories", json=body)).json()["id"]
    for trick in TRICKS:
        made = await two.ask("POST", "/v1/memories", json={**body, "user_id": "alice"})
        two.mine.append(made.json()["id"])
        found: list[str] = []
        for path in ("/v1/memories/search", "/v1/context"):
            reply = (await two.ask("POST", path, json={"user_id": "alice", "query": "canary", "filters": trick})).json()
            found += [each["id"] for each in reply.get("results", reply.get("memories"))]
        params = {"user_id": "alice", "filters": json.dumps(trick)}
        listed = await two.ask("GET", "/v1/memories", params=params)
        found += [each["id"] for each in listed.json()["memories"]]
        assert set(found) <= set(two.mine), trick
        assert (await two.ask("DELETE", "/v1/memories", params=params)).json()["deleted"] <= len(two.mine)
        kept = (await two.ask("GET", "/v1/memories", params={"user_id": "bob"})).json()["memories"]
        assert [each["id"] for each in kept] == [bobs], trick


async def test_a_filter_that_is_none_is_refused_and_deletes_nothing(two: Two) -> None:
    for trick in NONSENSE:
        got = await two.ask("DELETE", "/v1/memories", params={"user_id": "alice", "filters": json.dumps(trick)})
        assert got.status_code == 422, trick
    listed = await two.ask("GET", "/v1/memories", params={"user_id": "alice"})
    assert len(listed.json()["memories"]) == 3


async def test_a_user_that_is_no_text_is_no_user(two: Two) -> None:
    for user in (["alice"], 1, True, {"eq": "alice"}, None, "", [None]):
        for path, more in (
            ("/v1/memories", {"content": "x"}), ("/v1/memories/search", {"query": "x"}), ("/v1/context", {"query": "x"}),
        ):  # fmt: skip
            got = await two.ask("POST", path, json={"user_id": user, **more})
            assert got.status_code in (400, 422), (user, path)


async def test_the_route_of_another_tenant_is_no_route(two: Two) -> None:
    for name in ("secret-of-the-other", two.other.name, f"{two.other.name}/mine", "../mine", "*"):
        got = await two.ask("GET", "/v1/memories", params={"user_id": "alice"}, headers={"X-Memory-Route": name})
        assert (got.status_code, got.json()["code"]) == (404, "no_route")


async def test_of_two_credentials_one_counts_and_never_a_mixture(two: Two) -> None:
    mine, theirs = two.me.free.text, two.other.free.text
    for first, expected in ((mine, two.mine), (theirs, two.theirs)):
        second = theirs if first is mine else mine
        for headers in (
            [("Authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")],
            [("Authorization", f"Bearer {first}"), ("X-API-Key", second)],
            [("X-API-Key", second), ("Authorization", f"Bearer {first}")],
        ):
            got = await two.http.get("/v1/memories", params={"user_id": "alice"}, headers=headers)
            assert sorted(each["id"] for each in got.json()["memories"]) == sorted(expected)
    both = await two.http.get(
        "/v1/memories", params={"user_id": "alice"}, headers={"Authorization": f"Bearer {mine}, Bearer {theirs}"}
    )
    assert both.status_code == 401


async def test_a_bound_key_names_nobody_else_however_it_is_said(two: Two) -> None:
    bound = two.me.bound
    body = {"user_id": "bob", "content": "for bob's eyes"}
    bobs = (await two.ask("POST", "/v1/memories", json=body)).json()["id"]
    for raw in ('{"user_id":"alice","user_id":"bob","query":"eyes"}', '{"user_id":"bob","query":"eyes"}'):
        got = await two.ask("POST", "/v1/memories/search", bound, content=raw)
        assert (got.status_code, got.json()["code"]) == (403, "user_bound")
    for query in (
        "user_id=bob",
        "user_id=alice&user_id=bob",
        "user_id=bob&user_id=alice",
        "user_id=Alice",
        "user_id=alice%20",
    ):
        assert (await two.ask("GET", f"/v1/memories?{query}", bound)).status_code in (400, 403)
        assert (await two.ask("GET", f"/v1/memories/{bobs}?{query}", bound)).status_code in (400, 403)
        assert (await two.ask("DELETE", f"/v1/memories?{query}", bound)).status_code in (400, 403)
    assert (await two.ask("GET", f"/v1/memories/{bobs}", bound)).status_code == 404
    assert (await two.ask("DELETE", f"/v1/memories/{bobs}", bound)).json() == {"deleted": 0}
    assert (await two.ask("GET", f"/v1/memories/{bobs}", params={"user_id": "bob"})).status_code == 200
