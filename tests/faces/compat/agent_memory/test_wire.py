"""What other clients of agent-memory send, what ends, and that nobody gets further than through our own language."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.keys import new_key
from gateway.faces.compat.agent_memory import whose, working
from gateway.faces.compat.agent_memory.whose import Whose
from gateway.faces.http.exchange import Exchange
from gateway.runtime.facts import Facts
from gateway.services.call import Operation
from tests.gateways import Gateway, gateway

KEY, BOUND = new_key(os.urandom), new_key(os.urandom)
CONFIG = f"""
version: 1
faces: {{agent_memory: true}}
providers: {{main: {{type: memory}}}}
tenants:
  acme:
    auth:
      api_keys:
        - {{hash: "{KEY.hash}", roles: [reader, writer, eraser]}}
        - {{hash: "{BOUND.hash}", roles: [reader, writer, eraser], user: ann}}
    routes:
      memories: {{default: true, chain: main, scope: {{any_of: [user, agent, run]}}}}
      sessions: {{default: true, kinds: [message], chain: main, scope: {{allow: [user, agent]}}}}
      noted: {{kinds: [memory, message], chain: main, scope: {{context: [user, agent, run]}}, space: noted}}
      claimed:
        kinds: [memory, message]
        chain: main
        space: claimed
        scope: {{require: [user], allow: [agent, run]}}
        identity: {{user: "{{header.x-user}}"}}
"""


class Raw:
    def __init__(self, served: Gateway) -> None:
        self.served = served

    async def ask(
        self, method: str, path: str, body: Any = None, key: str = KEY.text, **headers: str
    ) -> tuple[int, Any]:
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): each for name, each in headers.items()}}
        reply = await self.served.http.request(method, path, json=body, headers=sent)
        return reply.status_code, reply.json()

    async def put(
        self, id_: str, *texts: str, status: int = 200, route: dict[str, str] | None = None, **more: Any
    ) -> Any:
        messages = [{"role": "user", "content": text, "id": text} for text in texts]
        got = await self.ask("PUT", f"/v1/working-memory/{id_}", {"messages": messages, **more}, **(route or {}))
        assert got[0] == status, got
        return got[1]

    async def said(self, id_: str, query: str = "", **headers: str) -> list[str] | int:
        status, told = await self.ask("GET", f"/v1/working-memory/{id_}{query}", **headers)
        return [each["content"] for each in told["messages"]] if status == 200 else status

    async def create(self, *memories: dict[str, Any], **headers: str) -> None:
        assert (await self.ask("POST", "/v1/long-term-memory/", {"memories": memories}, **headers))[0] == 200

    async def found(self, **asked: Any) -> set[str]:
        status, told = await self.ask("POST", "/v1/long-term-memory/search", {"limit": 50, **asked})
        assert status == 200, told
        return {each["id"] for each in told["memories"]}


@pytest.fixture
async def raw(tmp_path: Path) -> AsyncGenerator[Raw]:
    async with gateway(tmp_path, CONFIG) as served:
        yield Raw(served)


async def test_filters_go_by_the_servers_names_and_by_the_clients(raw: Raw) -> None:
    await raw.create(
        {"id": "a", "text": "one", "user_id": "ann", "namespace": "app/x", "topics": ["t", "u"], "memory_type": "semantic",
         "event_date": "2026-01-10T00:00:00+02:00"},
        {"id": "b", "text": "two", "user_id": "ann", "namespace": "app/y", "topics": ["u"], "memory_type": "episodic",
         "event_date": "2026-02-10T00:00:00Z"},
        {"id": "c", "text": "three", "user_id": "bob", "namespace": "apq", "memory_type": "message", "pinned": True},
    )  # fmt: skip
    assert (await raw.ask("POST", "/v1/memories", {"user_id": "ann", "content": "four"}))[0] == 201
    (other,) = await raw.found(user_id={"eq": "ann"}) - {"a", "b"}
    for asked, wanted in (
        ({"namespace": {"startswith": "app"}}, {"a", "b"}), ({"namespace": {"startswith": "app/y"}}, {"b"}),
        ({"namespace": {"any": ["apq", "app/x"]}}, {"a", "c"}), ({"user_id": {"ne": "ann"}}, {"c"}),
        ({"topics": {"eq": "t"}}, {"a"}), ({"topics": {"ne": "u"}, "user_id": {"eq": "bob"}}, {"c"}),
        ({"topics": {"all": ["t", "u"]}}, {"a"}), ({"topics": {"none": ["t"]}, "namespace": {"eq": "app/y"}}, {"b"}),
        ({"memory_type": {"eq": "semantic"}}, {"a", other}), ({"memory_type": {"ne": "semantic"}}, {"b", "c"}),
        ({"memory_type": {"any": ["semantic", "message"]}}, {"a", "c", other}),
        ({"event_date": {"between": ["2026-01-01", "2026-01-31T00:00:00Z"]}}, {"a"}),
        ({"event_date": {"lt": "2026-01-10T00:00:00Z"}}, {"a"}), ({"event_date": {"gt": "2026-01-09T22:00:00Z"}}, {"b"}),
        ({"event_date": {"eq": "2026-01-09T22:00:00Z"}}, {"a"}), ({"created_at": {"lt": "2020-01-01"}}, set[str]()),
        ({"text": "two", "search_mode": "keyword", "user_id": {"eq": "ann"}, "namespace": {"eq": "app/y"}}, {"b"}),
    ):  # fmt: skip
        assert await raw.found(**asked) == wanted, asked


BAD: list[tuple[str, str, Any]] = [
    ("POST", "/v1/long-term-memory/search", {"txt": "x"}),
    ("POST", "/v1/long-term-memory/search", {"user_id": "ann"}),
    ("POST", "/v1/long-term-memory/search", {"user_id": {"equals": "ann"}}),
    ("POST", "/v1/long-term-memory/search", {"topics": {"startswith": "a"}}),
    ("POST", "/v1/long-term-memory/search", {"topics": {"any": []}}),
    ("POST", "/v1/long-term-memory/search", {"created_at": {"between": ["2026-01-01"]}}),
    ("POST", "/v1/long-term-memory/search", {"created_at": {"gt": "soon"}}),
    ("POST", "/v1/long-term-memory/search", {"limit": 101}),
    ("POST", "/v1/long-term-memory/forget", {}),
    ("POST", "/v1/long-term-memory/forget", {"policy": {"max_age": 0}}),
    ("POST", "/v1/long-term-memory/forget?user=ann", {"policy": {"max_age_days": 0}}),
    ("POST", "/v1/long-term-memory/", {"memories": [{"text": "no id", "user_id": "ann"}]}),
    ("POST", "/v1/long-term-memory/", {"memories": [{"id": "x", "text": " ", "user_id": "ann"}]}),
    ("PUT", "/v1/working-memory/s", {"messages": [{"content": "no role"}]}),
    ("PUT", "/v1/working-memory/s", {"messages": "hello"}),
    ("PUT", "/v1/working-memory/s", {"message": []}),
    ("PUT", "/v1/working-memory/s", {"ttl_seconds": 0}),
    ("GET", "/v1/working-memory/?usr=ann", None),
    ("DELETE", "/v1/working-memory/s?usr=ann", None),
    ("DELETE", "/v1/long-term-memory?ids=a", None),
]


async def test_what_is_not_understood_is_refused_in_words_and_changes_nothing(raw: Raw) -> None:
    await raw.put("s", "hello")
    await raw.create({"id": "a", "text": "one", "user_id": "ann"})
    for method, path, body in BAD:
        status, told = await raw.ask(method, path, body)
        assert status in (400, 422), (path, body, told)
        assert isinstance(told["detail"], str), told
    assert (await raw.said("s"), await raw.found()) == (["hello"], {"a"})


async def test_what_is_the_same_stays_and_only_the_rest_is_written(raw: Raw) -> None:
    async def ids() -> list[str]:
        reply = await raw.served.http.get(
            "/v1/sessions/s/messages?user_id=ann", headers={"authorization": f"Bearer {KEY.text}"}
        )
        return [each["id"] for each in reply.json()["messages"]]

    await raw.put("s", "a", "b", user_id="ann")
    first = await ids()
    await raw.put("s", "a", "b", "c", user_id="ann")
    assert (await ids())[:2] == first
    await raw.put("s", "a", "changed", "c", user_id="ann")
    assert (len(await ids()), set(await ids()) & set(first)) == (3, set())
    assert await raw.said("s") == ["a", "changed", "c"]
    many = [str(number) for number in range(230)]  # more than a batch, and more than a page
    await raw.put("s", *many, user_id="ann")
    assert await raw.said("s") == many


async def test_what_another_client_has_said_is_shown_and_stays(raw: Raw) -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    said = {
        "user_id": "ann",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": parts}],
    }
    assert (await raw.ask("POST", "/v1/sessions/s/messages", said))[0] == 201
    _, whole = await raw.ask("GET", "/v1/working-memory/s")
    assert ([each["content"] for each in whole["messages"]], whole["context"]) == (["look"], "be brief")
    whole["messages"].append({"role": "assistant", "content": "nice"})
    status, told = await raw.ask("PUT", "/v1/working-memory/s", {**whole, "unsaved": None})
    assert status == 200, told
    _, native = await raw.ask("GET", "/v1/sessions/s/messages?user_id=ann")
    assert [each["content"] for each in native["messages"]] == [parts, "nice"]


async def test_a_session_with_a_time_to_live_is_gone_with_all_it_has(raw: Raw) -> None:
    await raw.put("s", "a", user_id="ann", ttl_seconds=60, data={"n": 1})
    raw.served.clock.forward(seconds=50)
    await raw.put("s", "a", "b", user_id="ann", ttl_seconds=60)  # begins anew, for what was there as well
    raw.served.clock.forward(seconds=50)
    assert await raw.said("s") == ["a", "b"]
    await raw.put("t", "a", user_id="ann", ttl_seconds=60)
    await raw.put("t", "a", user_id="ann")  # and no more
    raw.served.clock.forward(seconds=70)
    assert (await raw.said("s"), await raw.said("t")) == (404, ["a"])
    assert (await raw.ask("GET", "/v1/working-memory/?user_id=ann"))[1] == {"sessions": ["t"], "total": 1}


async def _of_ann_and_bob(raw: Raw) -> list[str] | int:
    await raw.put("s", "of ann", user_id="ann")
    await raw.put("s", "of nobody")
    return await raw.said("s", "?user_id=ann")


async def test_a_session_of_a_user_is_not_replaced_by_who_names_none(raw: Raw) -> None:
    assert await _of_ann_and_bob(raw) == ["of ann"]
    assert await raw.said("s") == ["of nobody"]


async def test_written_where_it_is_found_it_would_be(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(exchange: Exchange, asked: Whose) -> Whose:
        session = await whose.find(exchange, asked)
        return whose.of(session.user_id, session.agent_id, session.session_id) if session else asked

    monkeypatch.setattr(working, "written", found)
    assert await _of_ann_and_bob(raw) == ["of nobody"]


NOTED = {"x_memory_route": "noted"}


async def _seen_by_bob(raw: Raw) -> tuple[Any, int]:
    """Of what ann has on a route where users own nothing."""
    await raw.put("s", "of ann", user_id="ann", route=NOTED)
    await raw.create({"id": "a", "text": "of ann", "user_id": "ann"}, **NOTED)
    asked = {"user_id": {"eq": "bob"}}
    _, told = await raw.ask("POST", "/v1/long-term-memory/search", asked, **NOTED)
    return await raw.said("s", "?user_id=bob", **NOTED), len(told["memories"])


async def test_where_users_are_only_noted_they_are_compared(raw: Raw) -> None:
    assert await _seen_by_bob(raw) == (404, 0)
    told = await raw.put("s", "of bob", user_id="bob", status=409, route=NOTED)
    assert told["code"] == "session_taken"
    assert await raw.said("s", "?user_id=ann", **NOTED) == ["of ann"]


async def test_not_compared_they_would_see_each_other(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_exchange: Exchange, _facts: Facts) -> list[dict[str, Any]]:
        return []

    for module in ("whose", "finding", "creating"):
        monkeypatch.setattr(f"gateway.faces.compat.agent_memory.{module}.noted", none)
    assert await _seen_by_bob(raw) == (["of ann"], 1)


ANN = {"x_memory_route": "claimed", "x_user": "ann"}


async def _asked_about_bob(raw: Raw) -> tuple[int, int, int]:
    """By ann, on a route that takes the user from elsewhere."""
    await raw.ask("PUT", "/v1/working-memory/s", {"messages": [{"role": "user", "content": "of ann"}]}, **ANN)
    search = await raw.ask("POST", "/v1/long-term-memory/search", {"user_id": {"eq": "bob"}}, **ANN)
    seen = await raw.ask("GET", "/v1/working-memory/s?user_id=bob", **ANN)
    gone = await raw.ask("DELETE", "/v1/working-memory/s?user_id=bob", **ANN)
    return search[0], seen[0], gone[0]


async def test_what_is_asked_about_somebody_is_not_answered_with_somebody_else(raw: Raw) -> None:
    assert await _asked_about_bob(raw) == (403, 403, 403)
    assert await raw.said("s", **ANN) == ["of ann"]


async def test_without_that_check_it_would_be(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    def facts(exchange: Exchange, operation: Operation[Any, Any], whose: Whose, route: str = "") -> Facts:
        return exchange.facts(operation, user=whose.user, agent=whose.agent, run=whose.run, route=route)

    for module in ("whose", "finding", "working"):
        monkeypatch.setattr(f"gateway.faces.compat.agent_memory.{module}.facts_of", facts)
    assert await _asked_about_bob(raw) == (200, 200, 200)
    assert await raw.said("s", **ANN) == 404


async def test_a_key_that_is_bound_to_a_user_gets_no_further(raw: Raw) -> None:
    await raw.put("s", "of bob", user_id="bob")
    await raw.create({"id": "b", "text": "of bob", "user_id": "bob"})
    bound = {"key": BOUND.text}
    for method, path, body in (
        ("GET", "/v1/working-memory/s", None), ("GET", "/v1/long-term-memory/b", None),
        ("PATCH", "/v1/long-term-memory/b", {"text": "x"}),
    ):  # fmt: skip
        assert (await raw.ask(method, path, body, **bound))[0] == 404, path
    assert (await raw.ask("DELETE", "/v1/working-memory/s", **bound))[0] == 200
    assert (await raw.ask("DELETE", "/v1/long-term-memory?memory_ids=b", **bound))[1][
        "status"
    ] == "ok, deleted 0 memories"
    await raw.ask("POST", "/v1/long-term-memory/forget", {"policy": {"budget": 0}}, **bound)
    assert (await raw.ask("PUT", "/v1/working-memory/s", {"messages": []}, **bound))[1]["session_id"] == "s"
    assert (await raw.ask("GET", "/v1/working-memory/", **bound))[1] == {"sessions": ["s"], "total": 1}
    assert (await raw.said("s", "?user_id=bob"), await raw.found()) == (["of bob"], {"b"})


async def test_a_session_of_a_tenant_is_not_found_through_a_hostile_id(raw: Raw) -> None:
    await raw.put("s", "a", user_id="ann")
    for hostile in ("%2A", "s%00", "S", "s%20", "%25", "..%2Fs", "s%2F"):
        status, told = await raw.ask("GET", f"/v1/working-memory/{hostile}")
        assert (status in (400, 404, 422), "messages" in told) == (True, False), (hostile, told)
