"""What hooks may answer, and what follows: on every kind of write, and on reads."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.hooking import HookContext, Outcome, proceed
from gateway.domain.ports import Provider, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.hooks.stamp import Stamp
from tests.gateways import Gateway, gateway
from tests.hooks import plugins

CONFIG = """
version: 1
plugins: {{allow: [tests.hooks.plugins]}}
providers: {{main: {{type: memory, embedder: none}}}}
hooks:
{hooks}
defaults: {{chain: main, hooks: [{names}]}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint]}}
"""


def config(names: str, *hooks: str) -> str:
    return CONFIG.format(hooks="\n".join(f"  {each}" for each in hooks), names=names)


def deciding(more: str = "") -> str:
    return config("decide", f"decide: {{type: python, function: 'tests.hooks.plugins:decide'{more}}}")


async def add(made: Gateway, content: Any, **more: Any) -> Any:
    return await made.post("/v1/memories", {"content": content, "user_id": "ada", **more})


async def contents(made: Gateway) -> list[Any]:
    return [each["content"] for each in (await made.get("/v1/memories?user_id=ada")).json()["memories"]]


async def kinds(made: Gateway) -> dict[str, int]:
    text = (await made.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("gateway_memory_count{")]
    return {line.split('kind="')[1].split('"')[0]: int(float(line.rsplit(" ", 1)[1])) for line in lines}


async def test_every_answer_has_its_effect_on_a_write(tmp_path: Path) -> None:
    plugins.TRIED.clear()
    async with gateway(tmp_path, deciding()) as made:
        plain = await add(made, "plain")
        assert plain.status_code == 201 and plain.json()["event"] == "ADD"
        changed = (await add(made, "change me", metadata={"a": 1})).json()
        assert (changed["content"], changed["metadata"]) == ("changed", {"a": 1, "by": "hook"})
        skipped = await add(made, "skip me")
        assert skipped.status_code == 201 and (skipped.json()["event"], skipped.json()["id"]) == ("SKIP", "")
        rejected = await add(made, "reject me")
        assert (rejected.status_code, rejected.json()["code"]) == (422, "hook_rejected")
        assert rejected.json()["detail"] == "not this"
        assert (await add(made, "forbid me")).status_code == 403
        assert (await add(made, "again, and again")).json()["event"] == "ADD" and len(plugins.TRIED) == 2
        aside = (await add(made, "aside with it")).json()
        assert aside["event"] == "QUARANTINE"
        assert await contents(made) == ["again, and again", "changed", "plain"]
        assert (await made.get(f"/v1/memories/{aside['id']}?user_id=ada")).status_code == 404
        found = await made.post("/v1/memories/search", {"query": "with it", "user_id": "ada", "explain": True})
        assert "aside" not in found.text
        assert await kinds(made) == {"memory": 3, "quarantine": 1}


async def test_a_quarantined_record_keeps_all_that_brings_it_back(tmp_path: Path) -> None:
    async with gateway(tmp_path, deciding()) as made:
        await add(made, "aside with it", metadata={"a": 1})
        (provider,) = [each for name, each in made.helm.running.means.instances.live() if name == "main"]
        scan = Scan(where=Where(frozenset({Kind.QUARANTINE})), limit=10)
        rows = (await cast("Provider", provider).scan(Reach("default", None, None, None, None), scan)).records
        assert len(rows) == 1 and rows[0].text == "aside with it" and rows[0].vector is None
        assert rows[0].metadata == {
            "kind": "memory",
            "hook": "decide",
            "reason": "looks odd",
            "operation": "memory.add",
            "memory_id": None,
            "metadata": {"a": 1},
        }


async def test_each_item_of_a_batch_is_judged_by_itself(tmp_path: Path) -> None:
    async with gateway(tmp_path, deciding()) as made:
        items = [{"content": text} for text in ("plain", "skip it", "reject it", "aside with it", "change it")]
        told = (await made.post("/v1/memories/batch", {"user_id": "ada", "memories": items})).json()["results"]
        assert [each["event"] for each in told] == ["ADD", "SKIP", "ERROR", "QUARANTINE", "ADD"]
        assert told[2]["code"] == "hook_rejected"
        assert await contents(made) == ["changed", "plain"]


async def test_updates_and_deletions_can_be_changed_skipped_and_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path, deciding(", on: [before_add, before_update, before_delete]")) as made:
        memory = (await add(made, "plain")).json()["id"]
        path = f"/v1/memories/{memory}"
        for wish, event in (("skip", "SKIP"), ("aside", "QUARANTINE")):
            told = (await made.http.patch(path, json={"content": wish, "user_id": "ada"})).json()
            assert told["event"] == event and await contents(made) == ["plain"]
        assert (await made.http.patch(path, json={"content": "reject", "user_id": "ada"})).status_code == 422
        told = (await made.http.patch(path, json={"content": "change", "user_id": "ada"})).json()
        assert (told["event"], told["content"]) == ("UPDATE", "changed")
        skipped = await made.http.delete("/v1/memories/skip-this-one?user_id=ada")
        assert skipped.json() == {"deleted": 0, "skipped": True}
        assert (await made.http.delete("/v1/memories/reject-this-one?user_id=ada")).status_code == 422
        assert (await made.http.delete(f"{path}?user_id=ada")).json() == {"deleted": 1}


async def test_messages_are_judged_one_by_one_and_keep_their_shape(tmp_path: Path) -> None:
    async with gateway(tmp_path, deciding()) as made:
        said = [
            {"role": "user", "content": text, "extra": {"n": n}}
            for n, text in enumerate(("plain", "skip it", "change it", "aside with it"))
        ]
        told = (await made.post("/v1/sessions/s/messages", {"messages": said, "user_id": "ada"})).json()["messages"]
        assert [each.get("event") for each in told] == [None, "SKIP", None, "QUARANTINE"]
        kept = (await made.get("/v1/sessions/s/messages?user_id=ada")).json()["messages"]
        assert [each["message"] for each in kept] == [
            {"role": "user", "content": "plain", "extra": {"n": 0}},
            {"role": "user", "content": "changed", "extra": {"n": 2}},
        ]
        refused = await made.post(
            "/v1/sessions/s/messages", {"message": {"role": "user", "content": "reject"}, "user_id": "ada"}
        )
        assert refused.status_code == 422
        none = await made.post(
            "/v1/sessions/new/messages", {"message": {"role": "user", "content": "skip"}, "user_id": "ada"}
        )
        assert none.json()["messages"][0]["event"] == "SKIP"
        listed = (await made.get("/v1/sessions?user_id=ada")).json()["sessions"]
        assert [each["session_id"] for each in listed] == ["s"]


async def test_a_search_can_be_skipped_refused_and_its_results_reordered_and_dropped(tmp_path: Path) -> None:
    own = config(
        "decide, module",
        "decide: {type: python, function: 'tests.hooks.plugins:decide', on: before_search}",
        "module: {type: python, module: tests.hooks.plugins}",
    )
    async with gateway(tmp_path, own) as made:
        for text in ("tea one", "tea two hidden", "tea three"):
            await add(made, text)

        async def search(query: str) -> Any:
            ask = {"query": query, "user_id": "ada", "strategy": "recent"}
            return await made.post("/v1/memories/search", ask)

        found = [each["content"] for each in (await search("tea")).json()["results"]]
        assert found == ["tea one", "tea three"]  # turned around, and one of them dropped
        assert (await search("skip")).json()["results"] == []
        assert (await search("reject")).status_code == 422
        block = (await made.post("/v1/context", {"query": "tea", "user_id": "ada"})).json()
        assert "hidden" not in str(block)


async def test_the_context_has_the_words_of_frameworks_for_their_events_and_nothing_for_others(tmp_path: Path) -> None:
    plugins.SEEN.clear()
    own = config("see", "see: {type: python, function: 'tests.hooks.plugins:see', on: [add, search, get]}")
    async with gateway(tmp_path, own) as made:
        await add(made, "tea", metadata={"a": 1})
        await made.post("/v1/memories/search", {"query": "tea?", "user_id": "ada"}, headers={"x-request-id": "r-1"})
    adding, searching = plugins.SEEN
    assert (adding["event"], adding["user"].id) == ("before_add", "ada")
    assert (adding["memory_content"], adding["memory_query"], adding["memory_results"]) == ("tea", None, [])
    assert adding["metadata"] == {"a": 1} and adding["principal"] == "open" and adding["route"] == "everything"
    assert (searching["event"], searching["user"].id) == ("after_search", "ada")
    assert (searching["memory_content"], searching["memory_query"]) == (None, "tea?")
    assert [each.content for each in searching["memory_results"]] == ["tea"]
    assert (searching["ip"], searching["request_id"]) == ("127.0.0.1", "r-1")


async def test_hooks_are_asked_in_the_order_of_the_list(tmp_path: Path) -> None:
    hooks = [f"{name}: {{type: python, function: 'tests.hooks.plugins:{name}', on: [add]}}" for name in ("one", "two")]
    module = "module: {type: python, module: tests.hooks.plugins, on: [on_memory_add]}"
    for names, order in (("two, module, one", ["two", "first", "second", "one"]), ("one, two", ["one", "two"])):
        plugins.ORDER.clear()
        declared = [each for each in (*hooks, module) if each.split(":")[0] in names]
        home = tmp_path / names[:3]
        home.mkdir()
        async with gateway(home, config(names, *declared)) as made:
            await add(made, "a secret")
            assert await contents(made) == (["a [gone]"] if "module" in names else ["a secret"])
        assert order == plugins.ORDER


async def test_a_hook_that_fails_refuses_unless_it_may_be_done_without(tmp_path: Path) -> None:
    for more, status, left in (("", 503, []), (", on_failure: proceed", 201, ["raise"])):
        home = tmp_path / str(status)
        home.mkdir()
        async with gateway(home, deciding(more)) as made:
            told = await add(made, "raise")
            assert told.status_code == status and await contents(made) == left
            assert "about raise" not in str(made.lines) + told.text
            if status == 503:
                assert told.json()["code"] == "hook_failed"
            counted = (await made.get("/metrics")).text
            assert 'gateway_hooks_total{answer="failed",hook="decide",route="everything",tenant="default"} 1' in counted


class Slow(Stamp):
    """Never answers."""

    type_name = "slow"

    async def run(self, context: HookContext) -> Outcome:
        await asyncio.sleep(30)
        return proceed()


async def test_a_hook_that_is_late_is_left(tmp_path: Path) -> None:
    known = Catalog.installed()
    catalog = Catalog(
        providers=known.providers,
        embedders=known.embedders,
        strategies=known.strategies,
        summarizers=known.summarizers,
        hooks={**known.hooks, "slow": Slow},
    )
    async with gateway(tmp_path, config("slow", "slow: {type: slow, timeout: 50ms}"), catalog=catalog) as made:
        told = await add(made, "tea")
        assert (told.status_code, told.json()["code"]) == (503, "hook_failed")
        assert await contents(made) == []


@pytest.mark.parametrize("event", ["on_memory_add", "on_memory_search", "on_error", "on_checkpoint", "add", "reload"])
def test_known_events_are_taken(tmp_path: Path, event: str) -> None:
    assert _findings(tmp_path, event) == []


@pytest.mark.parametrize("event", ["on_startup", "on_shutdown", "on_request", "on_response", "on_retry", "on_resume"])
def test_an_event_that_the_gateway_does_not_have_fails_validation(tmp_path: Path, event: str) -> None:
    assert _findings(tmp_path, event) == ["MG0204"]


def _findings(home: Path, event: str) -> list[str]:
    (home / "gateway.yaml").write_text(deciding(f", on: [{event}]"))
    compiled = compile_config(home / "gateway.yaml", {}, Catalog.builtin())
    return [each.code for each in compiled.diagnostics]


def test_a_function_marked_with_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="on_tea"):
        plugins.hook("on_tea")


async def test_errors_and_reloads_are_told(tmp_path: Path) -> None:
    plugins.SEEN.clear()
    own = config("see", "see: {type: python, function: 'tests.hooks.plugins:see', on: [error, reload]}")
    async with gateway(tmp_path, own) as made:
        await made.get("/v1/memories/none?user_id=ada")
        (tmp_path / "gateway.yaml").write_text("version: 2")
        await made.helm.reloader.reload("test")
    told = [(each["event"], each["operation"], each["code"]) for each in plugins.SEEN]
    assert told == [
        ("reload", "reload.applied", ""),
        ("error", "memory.get", "no_memory"),
        ("reload", "reload.rejected", "rejected"),
    ]
