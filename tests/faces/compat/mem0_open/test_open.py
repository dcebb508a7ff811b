"""mem0's open server as its callers ask it: every path that means something here, in its own shapes."""

from pathlib import Path

import pytest

from tests.faces.compat.mem0.raw import Raw, inside

pytestmark = pytest.mark.xdist_group("mem0-clients")  # they share a gateway
ADA = {"user_id": "ada"}
SAID = [{"role": "user", "content": "likes tea", "name": "Ada"}, {"role": "assistant", "content": "noted"}]


async def test_what_was_added_is_found_changed_and_gone(each: Raw) -> None:
    body = {"messages": SAID, "metadata": {"topic": "drinks"}, "infer": False, "run_id": "r1", **ADA}
    status, added = await each.ask("POST", "/memories", body)
    assert (status, [(e["memory"], e["event"], e["role"], e["actor_id"]) for e in added["results"]]) == (
        200, [("likes tea", "ADD", "user", "Ada"), ("noted", "ADD", "assistant", None)]
    )  # fmt: skip
    id_ = added["results"][0]["id"]
    await each.add("of bob", user_id="bob")
    listed = (await each.ask("GET", "/memories?user_id=ada&top_k=1"))[1]["results"]
    assert [item["memory"] for item in listed] == ["noted"]
    filters = {**ADA, "topic": {"in": ["drinks"]}}
    found = (await each.ask("POST", "/search", {"query": "tea", "filters": filters, "top_k": 1}))[1]["results"]
    assert [(item["id"], item["metadata"]) for item in found] == [(id_, {"topic": "drinks"})]
    older = (await each.ask("POST", "/search", {"query": "tea", "user_id": "bob"}))[1]["results"]
    assert "likes tea" not in {item["memory"] for item in older}
    changed = await each.ask("PUT", f"/memories/{id_}", {"text": "likes coffee"})
    assert changed == (200, {"message": "Memory updated successfully!"})
    assert (await each.ask("GET", f"/memories/{id_}"))[1]["memory"] == "likes coffee"
    steps = (await each.ask("GET", f"/memories/{id_}/history"))[1]
    assert [(s["event"], s["old_memory"], s["new_memory"], s["is_deleted"]) for s in steps] == [
        ("ADD", None, "likes tea", False), ("UPDATE", "likes tea", "likes coffee", False)
    ]  # fmt: skip
    assert (await each.ask("DELETE", f"/memories/{id_}"))[1] == {"message": "Memory deleted successfully"}
    assert (await each.ask("GET", f"/memories/{id_}"))[0] == 404
    assert (await each.ask("DELETE", "/memories?user_id=ada"))[1] == {"message": "All relevant memories deleted"}
    assert await each.texts({"user_id": "*"}) == {"of bob"}


async def test_each_message_is_kept_with_its_role_and_the_name_of_who_said_it(tmp_path: Path) -> None:
    """In mem0's items, in those of the native API, and in the filters of both."""
    said = [
        {"role": "user", "content": "likes tea", "name": "Ada"},
        {"role": "user", "content": "likes coffee", "name": "Bob"},
        {"role": "assistant", "content": "noted"},
    ]
    kept = [("likes tea", "user", "Ada"), ("likes coffee", "user", "Bob"), ("noted", "assistant", None)]
    async with inside(tmp_path) as (each, _):
        added = (await each.ask("POST", "/memories", {"messages": said, "infer": False, **ADA}))[1]["results"]
        for item, expected in zip(added, kept, strict=True):
            there = (await each.ask("GET", f"/memories/{item['id']}"))[1]
            assert (there["memory"], there["role"], there.get("actor_id")) == expected
            key = {"Authorization": f"Bearer {each.keys['all']}"}
            own = (await each.ask("GET", f"/v1/memories/{item['id']}?user_id=ada", headers=key))[1]
            assert (own["content"], own["role"], own["metadata"].get("actor_id")) == expected
        for filters, texts in (({"actor_id": "Bob"}, ["likes coffee"]), ({"role": "assistant"}, ["noted"])):
            asked = {"query": "what was said", "filters": {**ADA, **filters}}
            found = (await each.ask("POST", "/search", asked))[1]["results"]
            assert [item["memory"] for item in found] == texts


async def test_owners_are_listed_and_deleted(each: Raw) -> None:
    await each.add("x", user_id="ada", agent_id="bot", app_id="shop")
    await each.add("y", user_id="ada")
    listed = (await each.ask("GET", "/entities"))[1]
    assert [(item["type"], item["id"], item["total_memories"]) for item in listed] == [
        ("agent", "bot", 1), ("user", "ada", 2)
    ]  # fmt: skip
    assert (await each.ask("DELETE", "/entities/agent/bot"))[1] == {"message": "Entity deleted"}
    assert await each.texts(ADA) == {"y"}
    assert (await each.ask("DELETE", "/entities/colour/red"))[0] == 404


REFUSED = (
    ("GET", "/memories", 400), ("DELETE", "/memories", 400), ("DELETE", "/memories?colour=red", 400),
    ("GET", "/memories?usr=ada", 400), ("DELETE", "/memories?user_id=", 400), ("GET", "/memories/absent", 404),
    ("GET", "/configure", 501), ("POST", "/configure", 501), ("GET", "/api-keys", 501), ("GET", "/requests", 501),
)  # fmt: skip


async def test_what_is_refused_is_refused_in_its_shape(each: Raw) -> None:
    await each.add("stays", **ADA)
    for method, path, status in REFUSED:
        told, said = await each.ask(method, path, {} if method == "POST" else None)
        assert (told, isinstance(said["detail"], str)) == (status, True), path
    assert await each.texts(ADA) == {"stays"}


async def test_a_key_in_x_api_key_is_as_good(each: Raw) -> None:
    await each.add("x", **ADA)
    reply = await each.http.get("/memories?user_id=ada", headers={"X-API-Key": each.keys["all"]})
    assert [item["memory"] for item in reply.json()["results"]] == ["x"]
