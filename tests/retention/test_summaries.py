"""Summaries: made once, in the background, by whatever is configured; nothing is lost or said twice when that is down."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Conflict
from gateway.domain.ids import slot_id
from gateway.domain.ports import Kit
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.services.retention import relieving, tidying
from gateway.summarizers.extractive import Extractive, ExtractiveOptions
from gateway.summarizers.talk import Line, Talk
from tests.gateways import Gateway, gateway
from tests.retention import handlers
from tests.retention.model import Model, model
from tests.retention.talking import configured, said, say, until, window

PREFIX = "Previous conversation summary: "
SESSION = Scope("demo", "default", "ann", "", "s1")


@pytest.fixture
def server() -> Generator[Model]:
    with model() as made:
        yield made


def by_model(server: Model, session: str, retention: str = "") -> str:
    more = f'summarizers: {{llm: {{type: openai, model: small, url: "{server.url}", retries: 0}}}}'
    return configured(f"on_overflow: summarize, summarizer: llm, {session}", retention, more)


async def left(gateway: Gateway, count: int, run: str = "s1") -> None:
    async def there() -> bool:
        return len(await said(gateway, run)) == count

    await until(there)


async def summary(gateway: Gateway) -> Any:
    return (await gateway.get("/v1/sessions/s1/summary", params={"user_id": "ann"})).json()


async def test_at_the_threshold_the_model_is_asked_once_and_the_newest_ten_stay(tmp_path: Path, server: Model) -> None:
    text = by_model(server, "summarize_after: 50, keep_messages: 10", "archive: cold")
    async with gateway(tmp_path, text) as made:
        await say(made, *[f"line {number}" for number in range(49)])
        await asyncio.sleep(0.2)
        assert server.calls == [] and len(await said(made)) == 49
        await say(made, {"role": "assistant", "content": "line 49"})
        await left(made, 10)
        assert await said(made) == [f"line {number}" for number in range(40, 50)]
        assert len(server.calls) == 1 and server.calls[0]["model"] == "small"
        assert "user: line 0\nuser: line 1\n" in server.prompts()[0] and "line 40" not in server.prompts()[0]
        first = (await window(made))[0]
        assert first == {"role": "system", "content": PREFIX + "summed up 42 lines"}
        assert (await summary(made))["summary"] == "summed up 42 lines"
        archive = next(iter(made.helm.running.snapshot.tenants.values())).routes["chat"].archive
        assert archive is not None
        kept = [
            each async for each in relieving.walk(archive, Reach.only(SESSION), relieving.Where(relieving.MESSAGES))
        ]
        assert sorted(record.text for record in kept) == sorted(f"line {number}" for number in range(40))
        assert (
            'gateway_retention_records_total{route="chat",tenant="demo",what="summarized"} 40.0'
            in (await made.get("/metrics")).text
        )


@pytest.mark.parametrize("how", ["merge", "list"])
async def test_a_second_summary_takes_the_first_one_in_or_stands_beside_it(
    tmp_path: Path, server: Model, how: str
) -> None:
    server.answer = lambda prompt: f"about {prompt.count('line')} ({'goes on' if 'said before' in prompt else 'new'})"
    async with gateway(tmp_path, by_model(server, f"max_messages: 10, keep_messages: 2, summaries: {how}")) as made:
        await say(made, *[f"line {number}" for number in range(11)])
        await left(made, 2)
        await say(made, *[f"line {number}" for number in range(11, 20)])
        await left(made, 2)
        told = ["about 9 (new)", "about 9 (goes on)" if how == "merge" else "about 9 (new)"]
        shown = told[1:] if how == "merge" else told
        assert (await summary(made))["summary"] == "\n".join(shown)
        heads = [each["content"] for each in await window(made)]
        assert heads == [*(PREFIX + each for each in shown), "line 18", "line 19"]
        assert ("said before:\nabout 9 (new)" in server.prompts()[1]) is (how == "merge")


async def test_while_the_model_is_down_nothing_is_lost_and_later_nothing_is_said_twice(
    tmp_path: Path, server: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_FIRST", 0.02)
    server.status = 503
    async with gateway(tmp_path, by_model(server, "max_messages: 4, keep_messages: 2")) as made:
        for number in range(6):
            await say(made, f"line {number}")

        async def failed() -> bool:
            return len(server.calls) >= 3

        await until(failed)
        assert await said(made) == [f"line {number}" for number in range(6)]
        server.status = 200
        await left(made, 2)
        assert await said(made) == ["line 4", "line 5"]
        good = server.prompts()[-1]
        assert [good.count(f"line {number}") for number in range(6)] == [1, 1, 1, 1, 0, 0]


async def test_after_every_attempt_has_failed_the_messages_stay_and_the_next_append_tries_again(
    tmp_path: Path, server: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_FIRST", 0.001)
    monkeypatch.setattr(tidying, "_ATTEMPTS", 2)
    server.answer = lambda _: "   "  # an answer without a text is none
    async with gateway(tmp_path, by_model(server, "max_messages: 4, keep_messages: 2")) as made:
        await say(made, *[f"line {number}" for number in range(5)])

        async def told() -> bool:
            return 'code="not_relieved",route="chat",tenant="demo"} 2.0' in (await made.get("/metrics")).text

        await until(told)
        assert len(await said(made)) == 5
        server.answer = lambda _: "well"
        await say(made, "line 5")
        await left(made, 2)


async def test_who_is_cut_off_after_the_summary_does_not_ask_the_model_again(
    tmp_path: Path, server: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_FIRST", 0.001)
    real, falls = relieving.put_away, [3]

    async def falling(*given: Any, **more: Any) -> Any:
        if falls[0]:
            falls[0] -= 1
            raise OSError("killed here")
        return await real(*given, **more)

    monkeypatch.setattr(relieving, "put_away", falling)
    async with gateway(tmp_path, by_model(server, "max_messages: 4, keep_messages: 2")) as made:
        await say(made, *[f"line {number}" for number in range(6)])
        await left(made, 2)
        assert len(server.calls) == 1 and falls == [0]


async def test_two_workers_at_one_session_ask_the_model_once(tmp_path: Path, server: Model) -> None:
    async with gateway(tmp_path, by_model(server, "max_messages: 4, keep_messages: 2")) as made:
        route = made.helm.running.snapshot.tenants["demo"].routes["chat"]
        await say(made, *[f"line {number}" for number in range(4)])
        for number in range(4, 6):  # past the gateway, so that nobody is told of it
            id_, at = (stamp := route.mint.stamp()).id, stamp.at
            text = f"line {number}"
            await route.provider.put(
                [Record(id=id_, kind=Kind.MESSAGE, scope=SESSION, text=text, role="user", created_at=at, updated_at=at)]
            )
        done = await asyncio.gather(*(relieving.relieve(route, SESSION) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(each, Conflict) for each in done) >= 4
        await left(made, 2)
        assert len(server.calls) == 1 and await said(made) == ["line 4", "line 5"]


async def test_a_lease_that_nobody_gave_back_ends_by_itself(tmp_path: Path, server: Model) -> None:
    async with gateway(tmp_path, by_model(server, "max_messages: 4, keep_messages: 2")) as made:
        route = made.helm.running.snapshot.tenants["demo"].routes["chat"]
        assert await relieving.taken(route, SESSION, "overflow", 60, Kind.SUMMARY)
        assert not await relieving.taken(route, SESSION, "overflow", 60, Kind.SUMMARY)
        made.clock.forward(seconds=61)
        assert await relieving.taken(route, SESSION, "overflow", 60, Kind.SUMMARY)
        assert (await made.get("/v1/sessions/s1/summary", params={"user_id": "ann"})).status_code == 404


async def test_above_so_many_tokens_old_turns_become_one_system_message(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_tokens: 60, on_overflow: summarize")) as made:
        for number in range(20):
            await say(made, f"Order {number} of Ada went to Paris on the 3rd of May.")

        async def shorter() -> bool:
            return (await made.get("/v1/sessions/s1/stats", params={"user_id": "ann"})).json()["tokens"] <= 60

        await until(shorter)
        shown = await window(made)
        assert [each["role"] for each in shown].count("system") == 1 and shown[0]["content"].startswith(PREFIX)


async def test_the_extractive_summary_is_the_same_every_time_and_never_fails() -> None:
    made = Extractive(ExtractiveOptions(sentences=2), Kit(name="e", clock=None, home=Path()))  # type: ignore[arg-type]
    at = Line(role="user", content="", created_at=None)  # type: ignore[arg-type]
    lines = [
        msgspec.structs.replace(at, content=each)
        for each in (
            "Hello!",
            "My order 4711 has not arrived in Berlin.",
            "ok",
            "Is order 4711 lost? It was sent in May.",
        )
    ]
    first = await made.summarize(Talk(lines=lines))
    assert first == await made.summarize(Talk(lines=lines)) and "4711" in first and "Hello" not in first
    assert len(first.splitlines()) == 2
    for odd in ("", "   ", "\n\n", "…", "你好。我住在柏林。", "a" * 100_000, "\u0000 x"):
        assert isinstance(await made.summarize(Talk(lines=[msgspec.structs.replace(at, content=odd)])), str)
    assert await made.summarize(Talk(lines=[])) == ""
    assert await made.summarize(Talk(lines=[], before="Ada lives in Paris.")) == "Ada lives in Paris."


async def test_summarizing_on_request_gives_the_text_of_the_summarizer_and_keeps_it(
    tmp_path: Path, server: Model
) -> None:
    async with gateway(tmp_path, by_model(server, "max_messages: 100")) as made:
        await say(made, "I live in Berlin.", "My cat is called Miro.")
        told: Any = None
        for _ in range(2):  # the second one has nothing to add
            told = (await made.post("/v1/sessions/s1/summarize", {"user_id": "ann"})).json()
            assert told == {"session_id": "s1", "summary": "summed up 4 lines", "by": "gateway"}
        assert len(server.calls) == 1 and await summary(made) == told
        assert len(await said(made)) == 2
        assert [each["role"] for each in await window(made)] == ["user", "user"]  # nothing is left out
        small = await window(made, max_tokens=1)
        assert [each["content"] for each in small] == [PREFIX + "summed up 4 lines", "My cat is called Miro."]


async def test_without_a_model_or_while_it_is_down_summarizing_gives_an_extract_and_no_error(
    tmp_path: Path, server: Model
) -> None:
    server.status = 500
    for text in (configured(), by_model(server, "max_messages: 100")):
        async with gateway(tmp_path, text) as made:
            empty = await made.post("/v1/sessions/none/summarize", {"user_id": "ann"})
            assert empty.status_code == 200 and empty.json()["summary"] == ""
            await say(made, "I live in Berlin.")
            reply = await made.post("/v1/sessions/s1/summarize", {"user_id": "ann"})
            assert reply.status_code == 200 and reply.json()["summary"] == "user: I live in Berlin."
            assert reply.json()["by"] == ("gateway" if text == configured() else "extract")


CUSTOM = """
plugins: {{allow: [tests.retention.handlers]}}
summarizers: {{mine: {{type: custom, function: "tests.retention.handlers:{function}"}}}}
"""


async def test_a_function_of_ones_own_can_sum_up(tmp_path: Path) -> None:
    text = configured(
        "max_messages: 3, keep_messages: 1, on_overflow: summarize, summarizer: mine",
        more=CUSTOM.format(function="shout"),
    )
    async with gateway(tmp_path, text) as made:
        await say(made, "a", "b", "c", "d")
        await left(made, 1)
        assert (await summary(made))["summary"] == "A / B / C"


async def test_a_handler_gets_the_messages_before_they_go_and_its_failure_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_FIRST", 0.01)
    handlers.GIVEN.clear()
    handlers.FAILING[:] = [True]
    text = configured(
        "max_messages: 5, keep_ratio: 0.8, on_overflow: plugin, summarizer: mine", more=CUSTOM.format(function="handle")
    )
    async with gateway(tmp_path, text) as made:
        await say(made, *"abcdef")

        async def failed() -> bool:
            return 'code="not_relieved"' in (await made.get("/metrics")).text

        await until(failed)
        assert await said(made) == list("abcdef")
        handlers.FAILING.clear()
        await left(made, 4)
        assert handlers.GIVEN == [["a", "b"]] and await said(made) == list("cdef")
        assert not any(b"secret words" in line for line in made.lines)


async def test_the_slot_of_the_summary_is_the_sessions_own(tmp_path: Path, server: Model) -> None:
    async with gateway(tmp_path, by_model(server, "max_messages: 2, keep_messages: 1")) as made:
        await asyncio.gather(*(say(made, "a", "b", "c", run=run) for run in ("s1", "s2")))
        await left(made, 1, "s1")
        await left(made, 1, "s2")
        route = made.helm.running.snapshot.tenants["demo"].routes["chat"]
        for run in ("s1", "s2"):
            scope = msgspec.structs.replace(SESSION, run=run)
            found = (await route.provider.get(Reach.only(scope), [slot_id(scope, "summary")]))[0]
            assert found is not None and found.kind is Kind.SUMMARY and found.scope == scope
        await made.http.delete("/v1/sessions/s1", params={"user_id": "ann"})
        assert (await made.get("/v1/sessions/s1/summary", params={"user_id": "ann"})).status_code == 404
        assert (await made.get("/v1/sessions/s2/summary", params={"user_id": "ann"})).status_code == 200
