"""What operators declare is what clients meet: routes, scopes, strategies, overrides, roles, schemas, limits."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.keys import NewKey, new_key
from tests.gateways import Gateway, gateway


def key(number: int) -> NewKey:
    """The same key every time: randomness is an argument."""
    return new_key(lambda size: bytes([number]) * size)


ADMIN, READER, BOUND, OTHER = (key(number) for number in range(1, 5))

GATEWAY = """
version: 1
plugins: {allow: [tests.faces.selectors]}
providers:
  main: {type: sqlite, path: data/main.db}
  bare: {type: memory, embedder: none}
strategies:
  picky: {type: custom, selector: "tests.faces.selectors:starred"}
  broken: {type: custom, selector: "tests.faces.selectors:broken"}
  food: {type: by_category, categories: [food]}
  balanced: {type: hybrid, weights: {semantic: 0.5, lexical: 0.5, recency: 3.0}, half_life: 1d}
defaults: {chain: main, retrieval: {min_relevance: 0.2}}
profiles:
  strict: {retrieval: {overrides: [filters]}}
include: tenants/*.yaml
"""
TENANT = f"""
tenant: acme
auth:
  api_keys:
    - {{id: admin, hash: "{ADMIN.hash}", roles: [reader, writer, eraser, operator]}}
    - {{id: reader, hash: "{READER.hash}", roles: [reader]}}
    - {{id: bound, hash: "{BOUND.hash}", roles: [reader, writer], user: ada, claims: {{plan: gold}}}}
routes:
  notes: {{default: true}}
  strict:
    retrieval: {{overrides: [filters], top_k: 2, strategy: recent}}
  gold: {{match: {{claim: {{plan: gold}}}}, space: gold}}
  drafts: {{match: {{header: {{x-draft: "1"}}}}, space: drafts, priority: 1}}
  windowed: {{retrieval: {{strategy: recent, time_window_hours: 24, max_memories: 20}}}}
  everything: {{retrieval: {{strategy: all, max_memories: 3}}}}
  picky: {{retrieval: {{strategy: picky, min_relevance: 0}}}}
  broken: {{retrieval: {{strategy: broken}}}}
  food: {{retrieval: {{strategy: food}}}}
  team: {{scope: agent, space: team}}
  shared: {{scope: global, space: shared}}
  runs: {{scope: run, space: runs}}
  both: {{scope: [user, run], space: both}}
  narrow: {{scope: {{require: [user], allow: [run]}}, space: narrow}}
  mapped: {{space: mapped, identity: {{user: "{{header.x-org}}-{{header.x-user}}"}}}}
  typed:
    space: typed
    metadata_schema: {{type: object, required: [category], properties: {{category: {{enum: [a, b]}}}}}}
  small: {{space: small, limits: {{max_content: 20B, max_batch: 2, max_top_k: 3, max_page: 2}}, retrieval: {{top_k: 3}}}}
  brief: {{space: brief, ttl: 1h}}
  wordy: {{chain: bare, space: wordy, retrieval: {{strategy: lexical}}}}
  plain: {{chain: bare, space: plain, retrieval: {{strategy: recent}}}}
  blended: {{space: blended, retrieval: {{strategy: balanced, min_relevance: 0}}}}
  rendered: {{context: {{header: "Known:", item: "* {{content}} ({{score}})", empty: "nothing"}}}}
"""
OTHER_TENANT = f"""
tenant: other
auth: {{api_keys: [{{hash: "{OTHER.hash}", roles: [reader, writer, eraser]}}]}}
routes:
  notes: {{default: true}}
  shared: {{scope: global, space: shared}}
"""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path, GATEWAY, {"tenants/acme.yaml": TENANT, "tenants/other.yaml": OTHER_TENANT}) as made:
        made.http.headers["authorization"] = f"Bearer {ADMIN.text}"
        yield made


async def add(served: Gateway, content: str, route: str = "notes", **more: Any) -> dict[str, Any]:
    body = {"content": content, "route": route} | ({"user_id": "u"} | more)
    reply = await served.post("/v1/memories", {name: value for name, value in body.items() if value is not None})
    assert reply.status_code == 201, reply.text
    return reply.json()


async def search(served: Gateway, route: str = "notes", headers: dict[str, str] | None = None, **more: Any) -> Any:
    body = {"route": route or None} | ({"user_id": "u"} | more)
    given = {name: value for name, value in body.items() if value is not None}
    return await served.post("/v1/memories/search", given, headers=headers)


async def texts(served: Gateway, route: str = "notes", **more: Any) -> list[str]:
    reply = await search(served, route, **more)
    assert reply.status_code == 200, reply.text
    return [each["content"] for each in reply.json()["results"]]


def refused(reply: Any) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.status_code, reply.json()["code"]


async def test_a_request_that_names_no_route_gets_the_default_one(served: Gateway) -> None:
    reply = await search(served, "", query="x", explain=True)
    assert reply.json()["explain"]["route"] == "notes"


async def test_claims_and_headers_choose_a_route(served: Gateway) -> None:
    chosen = {}
    for name, headers in {"gold": {"authorization": f"Bearer {BOUND.text}"}, "drafts": {"x-draft": "1"}}.items():
        reply = await search(
            served, "", headers=headers, query="x", user_id=None if name == "gold" else "u", explain=True
        )
        chosen[name] = reply.json()["explain"]["route"]
    assert chosen == {"gold": "gold", "drafts": "drafts"}


async def test_an_unknown_route_is_not_found(served: Gateway) -> None:
    assert refused(await search(served, "nothing", query="x")) == (404, "no_route")
    assert refused(await served.post("/v1/sessions/s/messages", {"user_id": "u", "message": {"role": "user"}})) == (
        404,
        "no_route",
    )


async def test_a_route_without_checkpoints_takes_none(served: Gateway) -> None:
    reply = await served.post("/v1/runs/r/checkpoints", {"user_id": "u", "state": {}})
    assert refused(reply) == (404, "no_route")


async def test_what_a_route_does_not_let_a_request_set_is_refused(served: Gateway) -> None:
    for number in range(4):
        await add(served, f"m{number}", route="strict")
    assert len(await texts(served, "strict", query="m")) == 2
    asked: dict[str, Any] = {
        "top_k": 3,
        "strategy": "all",
        "min_relevance": 0.1,
        "max_tokens": 5,
        "time_window_hours": 1,
    }
    for name, value in asked.items():
        assert refused(await search(served, "strict", query="m", **{name: value})) == (422, "override_not_allowed")
    assert (await search(served, "strict", query="m", filters={"a": 1})).status_code == 200


async def test_the_threshold_of_the_route_holds_where_the_request_names_none(served: Gateway) -> None:
    await add(served, "green tea in the morning")
    await add(served, "a train to Basel")
    assert await texts(served, query="green tea") == ["green tea in the morning"]
    assert len(await texts(served, query="green tea", min_relevance=0)) == 2
    assert await texts(served, query="quantum chromodynamics lattice") == []


async def test_recent_looks_back_as_far_as_the_route_says(served: Gateway) -> None:
    await add(served, "old", route="windowed")
    served.clock.forward(hours=23)
    await add(served, "new", route="windowed")
    assert await texts(served, "windowed", query="anything") == ["new", "old"]
    served.clock.forward(hours=2)
    assert await texts(served, "windowed", query="anything") == ["new"]


async def test_all_says_when_there_is_more(served: Gateway) -> None:
    for number in range(5):
        await add(served, f"m{number}", route="everything")
    reply = (await search(served, "everything", query="m")).json()
    assert [each["content"] for each in reply["results"]] == ["m4", "m3", "m2"]
    assert reply["truncated"] is True


async def test_a_selector_of_the_operators_picks(served: Gateway) -> None:
    await add(served, "plain", route="picky")
    await add(served, "important", route="picky", metadata={"starred": True})
    assert await texts(served, "picky", query="x") == ["important"]


async def test_a_selector_that_raises_finds_nothing_and_is_counted(served: Gateway) -> None:
    await add(served, "m", route="broken")
    assert await texts(served, "broken", query="m") == []
    metrics = (await served.get("/metrics")).text
    assert 'gateway_faults_total{code="selector_failed",route="broken",tenant="acme"} 1.0' in metrics


async def test_by_category_keeps_the_named_ones(served: Gateway) -> None:
    for category in ("food", "travel"):
        await add(served, f"about {category}", route="food", metadata={"category": category})
    assert await texts(served, "food", query="about") == ["about food"]


async def test_a_hybrid_of_the_operators_weighs_as_declared(served: Gateway) -> None:
    """A newer memory that fits less overtakes when recency weighs enough."""
    await add(served, "green tea ceremony with matcha", route="blended")
    served.clock.forward(days=10)
    await add(served, "tea", route="blended")
    assert (await texts(served, "blended", query="green tea ceremony"))[0] == "tea"
    assert (await texts(served, "blended", query="green tea ceremony", strategy="hybrid"))[0].startswith("green")


async def test_agent_knowledge_needs_no_user_and_is_shared_by_all_of_them(served: Gateway) -> None:
    await add(
        served, "refunds take five days", route="team", user_id=None, agent_id="support", metadata={"category": "faq"}
    )
    for user in (None, "u", "v"):
        assert await texts(
            served, "team", query="refunds", user_id=user, agent_id="support", filters={"category": "faq"}
        )
    assert await texts(served, "team", query="refunds", agent_id="sales") == []


async def test_global_memories_are_for_the_tenant_and_never_across(served: Gateway) -> None:
    await add(served, "the office is in Bern", route="shared", user_id=None)
    assert await texts(served, "shared", query="office", user_id="anyone") == ["the office is in Bern"]
    other = {"authorization": f"Bearer {OTHER.text}"}
    assert (await search(served, "shared", headers=other, query="office")).json()["results"] == []


async def test_a_run_keeps_its_own_and_both_parts_must_match(served: Gateway) -> None:
    await add(served, "in run one", route="runs", run_id="1")
    assert await texts(served, "runs", query="run", run_id="1") == ["in run one"]
    assert await texts(served, "runs", query="run", run_id="2") == []
    await add(served, "mine in run one", route="both", run_id="1")
    assert await texts(served, "both", query="run", run_id="1") == ["mine in run one"]
    assert await texts(served, "both", query="run", run_id="1", user_id="v") == []
    assert refused(await search(served, "both", query="run")) == (400, "missing_scope_part")


async def test_an_allowed_part_narrows(served: Gateway) -> None:
    await add(served, "in run one", route="narrow", run_id="1")
    await add(served, "in no run", route="narrow")
    assert len(await texts(served, "narrow", query="run", min_relevance=0)) == 2
    assert await texts(served, "narrow", query="run", min_relevance=0, run_id="1") == ["in run one"]
    assert refused(await search(served, "narrow", query="run", agent_id="a")) == (422, "scope_not_allowed")


async def test_headers_may_say_who_it_is(served: Gateway) -> None:
    headers = {"x-org": "bern", "x-user": "ada"}
    body = {"content": "mapped", "route": "mapped"}
    made = await served.post("/v1/memories", body, headers=headers)
    assert made.json()["user_id"] == "bern-ada"
    assert refused(await served.post("/v1/memories", body | {"user_id": "u"}, headers={"x-org": "bern"})) == (
        400,
        "missing_scope_part",
    )


async def test_a_bound_key_is_its_user(served: Gateway) -> None:
    bound = {"authorization": f"Bearer {BOUND.text}"}
    made = await served.post("/v1/memories", {"content": "mine"}, headers=bound)
    assert made.json()["user_id"] == "ada"
    assert refused(await served.post("/v1/memories", {"content": "x", "user_id": "eve"}, headers=bound)) == (
        403,
        "user_bound",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/memories"),
        ("PATCH", "/v1/memories/x"),
        ("DELETE", "/v1/memories/x?user_id=u"),
        ("DELETE", "/v1/memories?user_id=u"),
    ],
)
async def test_a_reader_changes_nothing(served: Gateway, method: str, path: str) -> None:
    body = {"content": "x", "user_id": "u"} if method != "DELETE" else None
    reply = await served.http.request(method, path, headers={"authorization": f"Bearer {READER.text}"}, json=body)
    assert refused(reply) == (403, "role_missing")


async def test_no_key_and_a_wrong_key_are_refused(served: Gateway) -> None:
    del served.http.headers["authorization"]
    for headers in (
        {},
        {"authorization": f"Bearer {key(99).text}"},
        {"x-api-key": "mgk_x"},
        {"authorization": "Basic dTpw"},
    ):
        reply = await served.get("/v1/memories", params={"user_id": "u"}, headers=headers)
        assert refused(reply) == (401, "unauthenticated")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert (
        await served.get("/v1/memories", params={"user_id": "u"}, headers={"x-api-key": ADMIN.text})
    ).status_code == 200


async def test_metadata_must_satisfy_the_routes_schema(served: Gateway) -> None:
    assert (await add(served, "x", route="typed", metadata={"category": "a"}))["metadata"] == {"category": "a"}
    for metadata, at in (({}, "metadata"), ({"category": "canary"}, "metadata.category")):
        reply = await served.post(
            "/v1/memories", {"user_id": "u", "route": "typed", "content": "x", "metadata": metadata}
        )
        assert refused(reply) == (422, "metadata_schema")
        assert reply.json()["at"] == at and "canary" not in reply.text


async def test_caps_that_no_request_can_lift(served: Gateway) -> None:
    for number in range(5):
        await add(served, f"m{number}", route="small")
    assert len(await texts(served, "small", query="m", top_k=100, min_relevance=0)) == 3
    page = (await served.get("/v1/memories", params={"user_id": "u", "route": "small", "limit": 1000})).json()
    assert len(page["memories"]) == 2 and page["cursor"]
    long = await served.post("/v1/memories", {"user_id": "u", "route": "small", "content": "x" * 21})
    assert refused(long) == (413, "content_too_large")
    batch = {"user_id": "u", "route": "small", "memories": [{"content": "x"}] * 3}
    assert refused(await served.post("/v1/memories/batch", batch)) == (413, "batch_too_large")


async def test_a_ttl_of_the_route_bounds_what_a_request_asks(served: Gateway) -> None:
    made = await add(served, "brief", route="brief", ttl_seconds=999_999)
    assert made["expires_at"] is not None
    served.clock.forward(minutes=61)
    assert await texts(served, "brief", query="brief", min_relevance=0) == []


async def test_a_provider_without_vectors_serves_words_and_time(served: Gateway) -> None:
    await add(served, "the running shoes are blue", route="wordy")
    assert await texts(served, "wordy", query="blue shoe") == ["the running shoes are blue"]
    await add(served, "anything", route="plain")
    reply = (await search(served, "plain", query="unrelated")).json()
    assert [(each["content"], each["score"]) for each in reply["results"]] == [("anything", None)]


async def test_the_block_is_rendered_as_the_route_says(served: Gateway) -> None:
    ask = {"user_id": "u", "route": "rendered", "query": "green tea", "format": "text"}
    assert (await served.post("/v1/context", ask)).text == "nothing"
    await add(served, "likes green tea", route="rendered")
    lines = (await served.post("/v1/context", ask)).text.splitlines()
    assert lines[0] == "Known:" and lines[1].startswith("* likes green tea (0.")


async def test_metrics_count_operations_and_what_is_held(served: Gateway) -> None:
    made = [await add(served, f"m{number}") for number in range(3)]
    for _ in range(2):
        await texts(served, query="m")
    before = (await served.get("/metrics")).text
    await served.http.delete(f"/v1/memories/{made[0]['id']}", params={"user_id": "u"})
    after = (await served.get("/metrics")).text
    labels = 'provider="main",route="notes",tenant="acme"'
    assert f'gateway_memory_operations_total{{operation="memory.add",{labels}}} 3.0' in before
    assert f'gateway_memory_operations_total{{operation="memory.search",{labels}}} 2.0' in before
    assert f'gateway_memory_latency_seconds_count{{operation="memory.add",{labels}}} 3.0' in before
    assert 'gateway_memory_count{kind="memory",provider="main"} 3.0' in before
    assert 'gateway_memory_count{kind="memory",provider="main"} 2.0' in after


async def test_the_bytes_held_follow_what_is_added_and_deleted(served: Gateway) -> None:
    async def held() -> float:
        lines = (await served.get("/metrics")).text.splitlines()
        found = [line for line in lines if line.startswith('gateway_memory_bytes{kind="memory",provider="main"}')]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

    before = await held()
    made = await add(served, "x" * 10_000)
    grown = await held()
    assert 10_000 <= grown - before <= 10_000 + 4 * 256  # the text, and a vector
    await served.http.delete(f"/v1/memories/{made['id']}", params={"user_id": "u"})
    assert await held() == before


async def test_metrics_are_not_for_everybody(served: Gateway) -> None:
    import httpx

    away = httpx.ASGITransport(app=served.app, client=("203.0.113.5", 1))
    async with httpx.AsyncClient(transport=away, base_url="http://gateway.test") as outside:
        assert refused(await outside.get("/metrics")) == (401, "unauthenticated")
        assert refused(await outside.get("/metrics", headers={"x-api-key": READER.text})) == (403, "role_missing")
        assert (await outside.get("/metrics", headers={"x-api-key": ADMIN.text})).status_code == 200
