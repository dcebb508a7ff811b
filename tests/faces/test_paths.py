"""What a path means, however it is spelled: the endpoints without parameters are found without Litestar, and mean the same."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.gateways import Gateway, gateway

QUESTION = {"user_id": "u", "query": "tea"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path) as made:
        await made.post("/v1/memories", {"user_id": "u", "content": "drinks green tea"})
        yield made


@pytest.mark.parametrize("path", ["/v1/memories/search", "/v1/memories/search/", "/v1//memories/search"])
async def test_a_path_means_the_same_with_more_slashes(served: Gateway, path: str) -> None:
    reply = await served.post(path, QUESTION)
    assert reply.status_code == 200
    assert [each["content"] for each in reply.json()["results"]] == ["drinks green tea"]


async def test_an_encoded_slash_separates_nothing(served: Gateway) -> None:
    reply = await served.post("/v1/memories%2Fsearch", QUESTION)
    assert (reply.status_code, reply.json()["code"]) == (404, "no_path")
    reply = await served.get("/v1/memories/a%2Fb", params={"user_id": "u"})
    assert (reply.status_code, reply.json()["code"]) == (404, "no_memory")


async def test_another_method_on_a_known_path_is_405_and_tells_which_there_are(served: Gateway) -> None:
    reply = await served.http.put("/v1/memories", json=QUESTION)
    assert reply.status_code == 405
    assert {"GET", "POST"} <= set(reply.headers["allow"].replace(" ", "").split(","))


async def test_every_request_is_one_line_of_the_log(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        await served.get("/v1/memories/canary-id", params={"user_id": "u"})
        await served.post("/v1/memories", {"user_id": "u", "content": "x"})
        for path in ("/health/live", "/metrics", "/admin/status", "/nothing/canary-path", "/schema/openapi.json"):
            await served.get(path)
        await served.http.put("/v1/memories")
    lines = [json.loads(line) for line in b"".join(served.lines).splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/v1/memories/{memory_id}", 404),
        ("POST", "/v1/memories", 201),
        ("GET", "/health/live", 200),
        ("GET", "/metrics", 200),
        ("GET", "/admin/status", 200),
        ("GET", "", 404),
        ("GET", "/schema/openapi.json", 200),
        ("PUT", "", 405),
    ]
    assert b"canary" not in b"".join(served.lines)
