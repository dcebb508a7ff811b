"""The context window: the newest that fit, whole tool calls with their answers, never an answer at the start."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Layer, Session
from gateway.services.sessions.appending import APPEND, Append
from gateway.services.sessions.context import CONTEXT, WindowOf
from gateway.services.sessions.toolcalls import Tools, read_tools
from gateway.services.sessions.window import Growing, Piece, begin
from tests.unit.calling import PROVIDERS, Desk, count_words, open_desk, plain, raw


@pytest.fixture(params=PROVIDERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(request.param, tmp_path) as opened:
        yield opened


async def say(desk: Desk, *messages: dict[str, Any]) -> None:
    await desk.ask(APPEND, Append(messages=[raw(each) for each in messages]), run="s1")


async def window(desk: Desk, max_tokens: int | None = None) -> dict[str, Any]:
    return plain(await desk.ask(CONTEXT, WindowOf(max_tokens=max_tokens), run="s1"))


async def contents(desk: Desk, max_tokens: int) -> list[Any]:
    return [each["message"] for each in (await window(desk, max_tokens))["messages"]]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


Said = dict[str, Any]
SHAPES: dict[str, tuple[Said, list[Said]]] = {
    "openai": (
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}, {"id": "c2"}]},
        [
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
            {"role": "tool", "tool_call_id": "c2", "content": "r"},
        ],
    ),
    "anthropic": (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "n", "input": {}}]},
        [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "r"}]}],
    ),
    "bedrock": (
        {"role": "assistant", "content": [{"text": "hm"}, {"toolUse": {"toolUseId": "c1", "name": "n"}}]},
        [{"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": []}}]}],
    ),
    "fence": (
        {"role": "assistant", "content": {"type": "toolUse", "content": {"toolUseId": "c1", "name": "n", "input": {}}}},
        [{"role": "user", "content": {"type": "toolResult", "content": {"toolUseId": "c1", "content": {}}}}],
    ),
    "ai-sdk": (
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c1"}]},
        [{"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1"}]}],
    ),
    "pydantic-ai": (
        {"role": "assistant", "kind": "response", "parts": [{"part_kind": "tool-call", "tool_call_id": "c1"}]},
        [{"role": "user", "kind": "request", "parts": [{"part_kind": "tool-return", "tool_call_id": "c1"}]}],
    ),
    "without-ids": (
        {"role": "assistant", "content": None, "function_call": {"name": "n"}},
        [{"role": "function", "name": "n", "content": "r"}],
    ),
}


async def test_the_newest_that_fit_are_chosen(desk: Desk) -> None:
    await say(desk, *[user(f"word {n}") for n in range(100)])
    got = await window(desk, 7)
    assert [each["content"] for each in got["messages"]] == ["word 97", "word 98", "word 99"]
    assert (got["tokens"], got["max_tokens"]) == (6, 7)


async def test_the_budget_of_the_route_holds_where_none_is_named(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(session=Session(context_tokens=2))) as desk:
        await say(desk, *[user(str(n)) for n in range(5)])
        assert len((await window(desk))["messages"]) == 2
    assert Layer().session.context_tokens == 4000


async def test_the_system_prompt_comes_first_and_counts(desk: Desk) -> None:
    await say(desk, {"role": "system", "content": "be very kind"}, *[user(str(n)) for n in range(5)])
    assert [each["content"] for each in await contents(desk, 5)] == ["be very kind", "3", "4"]


async def test_a_newest_message_over_the_budget_is_given_alone(desk: Desk) -> None:
    await say(desk, {"role": "system", "content": "be very kind"}, user("old"), user("one two three"))
    got = await window(desk, 2)
    assert [each["content"] for each in got["messages"]] == ["be very kind", "one two three"]
    assert got["tokens"] == 6


async def test_an_empty_session_has_an_empty_window(desk: Desk) -> None:
    assert (await window(desk))["messages"] == []


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_call_and_its_answers_come_together_or_not_at_all(desk: Desk, shape: str) -> None:
    call, answers = SHAPES[shape]
    said = [user("before"), call, *answers, user("after")]
    await say(desk, *said)
    total = (await window(desk, 1000))["tokens"]
    together = 0
    for budget in range(1, total + 1):
        got = await contents(desk, budget)
        assert got == said[len(said) - len(got) :]
        assert (call in got) == all(answer in got for answer in answers) == any(answer in got for answer in answers)
        together += call in got
    assert await contents(desk, total) == said
    assert together < total  # some budgets had no room for it


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_that_is_newest_brings_its_call_even_over_the_budget(desk: Desk, shape: str) -> None:
    call, answers = SHAPES[shape]
    await say(desk, user("before"), call, *answers)
    assert await contents(desk, 1) == [call, *answers]


async def test_an_answer_without_any_call_never_begins_a_window_and_hides_nothing(desk: Desk) -> None:
    orphan = {"role": "tool", "tool_call_id": "lost", "content": "r"}
    said = [orphan, user("a"), orphan, user("b")]
    await say(desk, *said)
    assert await contents(desk, 100) == said[1:]
    assert await contents(desk, 2) == said[3:]


async def test_ids_that_are_used_again_belong_to_the_nearest_call(desk: Desk) -> None:
    call, answers = SHAPES["openai"]
    said = [call, *answers, user("x"), call, *answers, user("y")]
    await say(desk, *said)
    later = sum(count_words(each) for each in ("r", "r", "y")) + count_words(read_tools(call).said)
    assert await contents(desk, later) == said[4:]


def test_tool_calls_cost_tokens() -> None:
    call, _ = SHAPES["fence"]
    assert "toolUse" in read_tools(call).said
    assert read_tools(user("x")) == Tools()


ODD: list[Said] = [
    {"tool_calls": 3},
    {"tool_calls": [None, "x", {"id": 7}]},
    {"content": [[], 1, {"type": []}, {"toolUse": 1}]},
    {"content": {"type": "toolUse"}},
    {"role": ["tool"]},
    {"part_kind": {}, "parts": [{"part_kind": []}]},
]


@pytest.mark.parametrize("odd", ODD)
def test_any_odd_message_can_be_read(odd: Said) -> None:
    assert isinstance(read_tools(odd), Tools)


def piece(tokens: int, calls: list[str], answers: list[str]) -> Piece:
    return Piece(tokens, Tools(tuple(calls), tuple(answers)))


IDS = st.lists(st.sampled_from("abc"), max_size=2)
PIECES = st.lists(st.builds(piece, st.integers(0, 5), IDS, IDS), max_size=12)


def stands(pieces: Sequence[Piece], start: int) -> bool:
    """The definition, spelled out: nobody in the window answers a call before it, and the first answers none."""
    for at in range(start, len(pieces)):
        for answer in pieces[at].tools.answers:
            callers = [n for n in range(at + 1) if answer in pieces[n].tools.calls]
            if callers and callers[-1] < start:
                return False
            if at == start and (not callers or callers[-1] != at):
                return False
    return True


@given(PIECES, st.integers(0, 12))
def test_a_window_begins_at_the_first_place_where_it_stands_by_itself(pieces: list[Piece], first: int) -> None:
    places = [at for at in range(len(pieces)) if stands(pieces, at)]
    expected = next((at for at in places if at >= first), places[-1] if places else len(pieces))
    assert begin(pieces, first) == expected


@given(PIECES, st.integers(0, 20))
def test_reading_back_page_by_page_chooses_what_reading_everything_would(pieces: list[Piece], budget: int) -> None:
    growing = Growing(budget, 100)
    for each in reversed(pieces):
        if not growing.take(each):
            break
    first, spent = len(pieces), 0
    while first and spent + pieces[first - 1].tokens <= budget:
        first -= 1
        spent += pieces[first].tokens
    assert growing.length() == len(pieces) - begin(pieces, first)


async def test_a_window_reads_no_more_of_a_long_session_than_it_needs(desk: Desk) -> None:
    for start in range(0, 1000, 100):
        await say(desk, *[user(str(start + n)) for n in range(100)])
    read = 0
    scan = desk.provider.scan

    async def counting(*args: Any) -> Any:
        nonlocal read
        page = await scan(*args)
        read += len(page.records)
        return page

    desk.provider.scan = counting  # type: ignore[method-assign]
    assert len(await contents(desk, 10)) == 10
    assert read <= 32
    await contents(desk, 100_000)
    assert read >= 1000  # the count does see reading everything
