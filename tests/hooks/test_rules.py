"""Stamps, duplicates and rules."""

from pathlib import Path
from typing import Any

from tests.gateways import Gateway, gateway

CONFIG = """
version: 1
plugins: {{allow: [tests.hooks.plugins]}}
providers: {{main: {{type: memory, embedder: none}}}}
hooks: {{it: {hook}}}
defaults: {{chain: main, hooks: [it]}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint]}}
"""


def config(hook: str) -> str:
    return CONFIG.format(hook=f"{{{hook}}}")


async def add(made: Gateway, content: str, user: str = "ada", **more: Any) -> Any:
    return (await made.post("/v1/memories", {"content": content, "user_id": user, **more})).json()


async def test_a_stamp_says_what_the_gateway_knows_whatever_the_client_says(tmp_path: Path) -> None:
    hook = "type: stamp, fields: {seen: time, by: principal, through: route, who: user}, constants: {region: eu}"
    async with gateway(tmp_path, config(hook)) as made:
        metadata = (await add(made, "tea", metadata={"by": "me", "region": "us", "own": 1}))["metadata"]
        assert metadata.pop("seen").startswith("20")
        assert metadata == {"by": "open", "through": "everything", "who": "ada", "region": "eu", "own": 1}
        state = {"state": 1, "user_id": "ada", "metadata": {"own": 1}}
        await made.http.put("/v1/runs/r/checkpoints/c", json=state)
        shown = (await made.get("/v1/runs/r/checkpoints/c?user_id=ada")).json()["metadata"]
        assert shown["region"] == "eu" and shown["own"] == 1


async def test_what_a_scope_holds_already_is_not_added_again(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: dedupe")) as made:
        first = await add(made, "tea")
        again = await add(made, "tea")
        assert (again["event"], again["id"]) == ("SKIP", first["id"])
        assert (await add(made, "tea", "bob"))["event"] == "ADD"  # somebody else's
        assert (await add(made, "coffee"))["event"] == "ADD"
        path = f"/v1/memories/{first['id']}"
        await made.http.patch(path, json={"content": "water", "user_id": "ada"})
        assert (await add(made, "tea"))["event"] == "ADD"  # nobody says it any more
        assert (await add(made, "water"))["id"] == first["id"]


async def test_a_repeated_request_is_a_replay_and_no_duplicate(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: dedupe")) as made:
        told = [
            (
                await made.post(
                    "/v1/memories", {"content": "tea", "user_id": "ada"}, headers={"idempotency-key": "once"}
                )
            ).json()
            for _ in range(2)
        ]
        assert told[0]["id"] == told[1]["id"] and [each["replayed"] for each in told] == [False, True]


async def test_rules_refuse_what_lacks_something_or_is_not_allowed(tmp_path: Path) -> None:
    rules = "type: compliance, require: [source], consent: agreed, regions: [eu], forbid: [health]"
    async with gateway(tmp_path, config(rules)) as made:
        good = {"source": "chat", "agreed": True, "region": "eu", "categories": ["food"]}
        assert (await add(made, "tea", metadata=good))["event"] == "ADD"
        for key, value, wrong in (
            ("source", "", "no_source"),
            ("agreed", "yes", "no_consent"),
            ("region", "us", "region"),
            ("categories", ["food", "health"], "category_health"),
        ):
            told = await add(made, "tea", metadata={**good, key: value})
            assert (told["code"], told["detail"]) == ("hook_rejected", f"this may not be kept: {wrong}")


async def test_what_breaks_a_rule_can_be_kept_aside_or_kept_with_a_note(tmp_path: Path) -> None:
    for way, event in (("quarantine", "QUARANTINE"), ("flag", "ADD")):
        home = tmp_path / way
        home.mkdir()
        async with gateway(home, config(f"type: compliance, require: [source], on_violation: {way}")) as made:
            told = await add(made, "tea")
            assert told["event"] == event and told["metadata"] == {"compliance_flags": ["no_source"]}


async def test_nothing_lives_longer_than_the_rules_allow(tmp_path: Path) -> None:
    async with gateway(tmp_path, config("type: compliance, max_retention: 1h")) as made:
        assert (await add(made, "tea"))["expires_at"] is not None
        assert (await add(made, "tea", ttl_seconds=10_000_000))["expires_at"] is not None
        made.clock.forward(hours=2)
        assert (await made.get("/v1/memories?user_id=ada")).json()["memories"] == []


async def test_the_flags_of_a_checker_are_stored_and_can_block(tmp_path: Path) -> None:
    hook = "type: compliance, checker: 'tests.hooks.plugins:check_compliance', block: [weapons]"
    async with gateway(tmp_path, config(hook)) as made:
        told = await add(made, "about my health")
        assert told["metadata"] == {"compliance_flags": ["health"]}
        assert (await add(made, "tea"))["metadata"] == {}
        assert (await add(made, "weapons and health"))["code"] == "hook_rejected"
