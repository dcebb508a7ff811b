"""What mem0's clients do not show of its wire: older paths, events, repeated requests, the key in the address, failures."""

from pathlib import Path

import httpx
import pytest

from gateway.domain.errors import DeadlineExceeded, GatewayError, TooMany, Unavailable
from gateway.faces.compat.mem0.failing import failed
from tests.faces.compat.mem0.library import exceptions, mem0
from tests.faces.compat.mem0.raw import Raw, inside
from tests.faces.compat.mem0.world import Side, World

pytestmark = pytest.mark.xdist_group("mem0-clients")  # they share a gateway
ADA = {"user_id": "ada"}


async def test_the_paths_of_older_clients_answer_in_their_shapes(each: Raw) -> None:
    status, added = await each.ask("POST", "/v1/memories/", {"messages": [{"role": "user", "content": "tea"}], **ADA})
    assert (status, added["results"][0]["event"], added["results"][0]["memory"]) == (200, "ADD", "tea")
    await each.add("coffee", **ADA)
    for path in ("/v1/memories/search/", "/v2/memories/search/"):
        bare = (await each.ask("POST", path, {"query": "tea", "filters": ADA, "top_k": 1}))[1]
        assert [item["memory"] for item in bare] == ["tea"]
        later = {"query": "tea", "top_k": 1, "output_format": "v1.1", **ADA}
        assert [item["memory"] for item in (await each.ask("POST", path, later))[1]["results"]] == ["tea"]
    for method, path, body in (
        ("GET", "/v1/memories/?user_id=ada", None),
        ("POST", "/v2/memories/", {"filters": ADA}),
    ):
        assert [item["memory"] for item in (await each.ask(method, path, body))[1]] == ["coffee", "tea"]
    paged = (await each.ask("GET", "/v1/memories/?user_id=ada&page=2&page_size=1"))[1]
    assert (paged["count"], [item["memory"] for item in paged["results"]]) == (2, ["tea"])
    dated = {"filters": ADA, "start_date": "2020-01-01", "end_date": "2020-12-31"}
    assert (await each.ask("POST", "/v3/memories/", dated))[1]["count"] == 0


async def test_an_event_tells_what_an_add_has_kept_to_those_who_may_see_it(each: Raw) -> None:
    said = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    added = (await each.ask("POST", "/v3/memories/add/", {"messages": said, **ADA}))[1]
    status, event = await each.ask("GET", f"/v1/event/{added['event_id']}/")
    assert (status, event["status"], [item["id"] for item in event["results"]]) == (
        200, "SUCCEEDED", [item["id"] for item in added["results"]]
    )  # fmt: skip
    elsewhere = (await each.ask("GET", f"/v1/event/{added['event_id']}/", key="other"))[1]
    assert elsewhere["results"] == []
    for unknown in ("evt-", "evt-%2F", "nonsense", added["event_id"][:-3]):
        assert (await each.ask("GET", f"/v1/event/{unknown}/"))[0] == 404


async def test_a_repeated_add_with_its_key_is_one_add(each: Raw) -> None:
    body = {"messages": "tea", "expiration_date": "2099-01-01", **ADA}
    keyed = {"Idempotency-Key": "k1"}
    once = await each.ask("POST", "/v3/memories/add/", body, headers=keyed)
    assert await each.ask("POST", "/v3/memories/add/", body, headers=keyed) == once
    assert await each.texts(ADA) == {"tea"}
    again = await each.ask("POST", "/v3/memories/add/", {**body, "messages": "x"}, headers=keyed)
    assert (again[0], again[1]["code"]) == (400, "idempotency_mismatch")


async def test_what_has_expired_is_gone_with_its_day_also_where_it_is_asked_for(tmp_path: Path) -> None:
    async with inside(tmp_path) as (each, served):
        day = served.clock().date().isoformat()
        gone = await each.add("tea today", expiration_date=day, **ADA)
        await each.add("tea for good", **ADA)
        asked = {"filters": ADA, "show_expired": True}

        async def shown() -> list[set[str]]:
            listed = (await each.ask("POST", "/v3/memories/", asked))[1]["results"]
            found = (await each.ask("POST", "/v3/memories/search/", {**asked, "query": "tea"}))[1]["results"]
            return [{item["memory"] for item in items} for items in (listed, found)]

        assert await shown() == [{"tea today", "tea for good"}] * 2
        served.clock.forward(days=1)
        assert await shown() == [{"tea for good"}] * 2
        assert (await each.ask("GET", f"/v1/memories/{gone}/"))[0] == 404


async def test_an_add_that_is_partly_refused_says_which_part(each: Raw) -> None:
    said = [{"role": "user", "content": "kept"}, {"role": "user", "content": "  "}]
    results = (await each.ask("POST", "/v3/memories/add/", {"messages": said, **ADA}))[1]["results"]
    assert [(item["event"], item["id"] is None) for item in results] == [("ADD", False), ("ERROR", True)]
    assert results[1]["detail"] == "content is empty"
    refused = await each.ask("POST", "/v3/memories/add/", {"messages": "  ", **ADA})
    assert (refused[0], refused[1]["detail"]) == (400, "content is empty")


BAD: tuple[bytes, ...] = (
    b"{", b"[]", b'{"messages": 7, "user_id": "ada"}', b'{"messages": [{"content": "x"}], "user_id": "ada"}',
    b'{"messages": "x", "user_id": 7}', b'{"messages": "x", "user_id": "ada", "usr": 1}',
    b'{"messages": "x", "user_id": "ada", "metadata": [1]}', b'{"messages": "x", "user_id": "ada", "infer": "no"}',
    b'{"messages": "x", "filters": {"user_id": "ada", "colour": "red"}}', b'{"messages": "x", "user_id": "\\u0000"}',
    b'{"messages": "x", "user_id": "ada", "timestamp": "then"}', b"\xff",
)  # fmt: skip


async def test_a_bad_body_is_a_bad_request_with_words(each: Raw) -> None:
    headers = {"Authorization": f"Token {each.keys['all']}"}
    for body in BAD:
        reply = await each.http.post("/v3/memories/add/", content=body, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (400, "application/json"), body
        assert reply.json()["detail"]
    assert await each.texts({"user_id": "*"}) == set()


async def test_a_face_that_is_off_is_not_there(tmp_path: Path) -> None:
    async with inside(tmp_path) as (each, served):
        assert (await each.ask("GET", "/v1/ping/"))[0] == 200
        file = served.home / "gateway.yaml"
        file.write_text(file.read_text().replace("mem0: true", "mem0: false"))
        assert (await served.helm.reloader.reload("test")).result == "applied"
        assert (await each.ask("GET", "/v1/ping/"))[0] == 404


def test_the_key_may_be_in_the_address(mem0_side: Side) -> None:
    world = World(mem0_side, "sqlite", "MemoryClient")
    client = mem0.MemoryClient(api_key="not-a-key", host=f"{world.url}/t/{world.key()}/r/memories")
    user = world.name()
    client.add("likes tea", user_id=user)
    assert client.get_all(filters={"user_id": user})["count"] == 1
    with pytest.raises(ValueError, match="API key"):
        mem0.MemoryClient(api_key="not-a-key", host=world.url)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TooMany("come back later", headers={"Retry-After": "7"}), "RateLimitError"),
        (Unavailable("the backend is away"), "NetworkError"),
        (DeadlineExceeded("the request was not done within 30 s"), "NetworkError"),
    ],
)
def test_a_failure_is_the_clients_own_exception_with_our_words(error: GatewayError, kind: str) -> None:
    reply = failed(error, "r1")
    headers = [*((name.decode(), value.decode()) for name, value in reply.headers), *error.headers.items()]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/ping/":
            return httpx.Response(200, json={"status": "ok", "org_id": "acme", "project_id": "acme"})
        return httpx.Response(
            reply.status, headers=[*headers, ("Content-Type", "application/json")], content=reply.content
        )

    client = mem0.MemoryClient(
        api_key="k", host="http://localhost", client=httpx.Client(transport=httpx.MockTransport(answer))
    )
    with pytest.raises(getattr(exceptions, kind), match=error.detail) as raised:
        client.get("m1")
    if kind == "RateLimitError":
        assert raised.value.debug_info["retry_after"] == 7
        assert raised.value.debug_info["x_ratelimit_remaining"] == "0"


async def test_what_the_native_api_has_added_is_shown_in_mem0s_shape(each: Raw) -> None:
    pair = [{"role": "user", "content": "my cat is Tom"}, {"role": "assistant", "content": "a fine name"}]
    native = {"Authorization": f"Bearer {each.keys['all']}"}
    await each.http.post("/v1/memories", json={"messages": pair, **ADA}, headers=native)
    await each.http.post("/v1/memories", json={"content": {"k": [1]}, **ADA}, headers=native)
    assert await each.texts(ADA) == {"user: my cat is Tom\nassistant: a fine name", '{"k":[1]}'}


async def test_parts_of_a_message_that_are_no_text_are_kept(each: Raw) -> None:
    parts = [{"type": "text", "text": "see this"}, {"type": "image_url", "image_url": {"url": "data:x"}}]
    body = {"messages": [{"role": "user", "content": parts}], **ADA}
    await each.ask("POST", "/v3/memories/add/", body)
    assert await each.texts(ADA) == {"see this"}
    native = {"Authorization": f"Bearer {each.keys['all']}"}
    kept = (await each.http.get("/v1/memories", params=ADA, headers=native)).json()["memories"]
    assert kept[0]["content"] == [{"role": "user", "content": parts}]
