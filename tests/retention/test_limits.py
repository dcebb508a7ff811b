"""Sessions with limits: the oldest go, a call never without its answers, and nothing that was said is lost on the way."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.model import Session
from gateway.services.sessions import excess as module
from gateway.services.sessions.excess import excess
from gateway.services.sessions.toolcalls import Tools
from gateway.services.sessions.window import Piece
from tests.gateways import gateway
from tests.retention.talking import configured, said, say, window

PROVIDERS = ("memory, embedder: none", "sqlite, path: talk.db, embedder: none")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_after_sixty_appends_the_last_fifty_are_there_in_order(tmp_path: Path, provider: str) -> None:
    async with gateway(tmp_path, configured("max_messages: 50", provider=provider)) as made:
        for number in range(60):
            await say(made, f"#{number + 1}")
        assert await said(made) == [f"#{number + 1}" for number in range(10, 60)]


async def test_the_hundred_and_first_message_evicts_the_first_and_never_the_system_prompt(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_messages: 100, eviction: fifo")) as made:
        await say(made, {"role": "system", "content": "be brief"}, *[str(number) for number in range(100)])
        assert (await said(made))[0] == "0" and len(await said(made)) == 100
        await say(made, "the next")
        assert await said(made) == [*[str(number) for number in range(1, 100)], "the next"]
        assert (await window(made))[0] == {"role": "system", "content": "be brief"}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_concurrent_appends_keep_the_limit_and_lose_none_of_the_newest(tmp_path: Path, provider: str) -> None:
    async with gateway(tmp_path, configured("max_messages: 20", provider=provider)) as made:
        await asyncio.gather(*(say(made, f"{number}") for number in range(60)))
        kept = await said(made)
        assert len(kept) == 20 == len(set(kept))
        await asyncio.gather(*(say(made, f"late {number}") for number in range(20)))
        assert sorted(await said(made)) == sorted(f"late {number}" for number in range(20))


async def test_tokens_evict_the_oldest_until_the_rest_is_under_the_cap(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_tokens: 40")) as made:
        for number in range(30):
            await say(made, f"message number {number} says something")
            stats = (await made.get("/v1/sessions/s1/stats", params={"user_id": "ann"})).json()
            assert stats["tokens"] <= 40
        kept = await said(made)
        assert kept == [f"message number {number} says something" for number in range(30 - len(kept), 30)]


async def test_a_single_message_that_is_too_large_by_itself_is_kept(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_tokens: 5")) as made:
        await say(made, "short", "far more words than the limit of five tokens would ever allow")
        assert await said(made) == ["far more words than the limit of five tokens would ever allow"]


async def test_the_limit_is_counted_by_the_tokenizer_that_is_declared_and_one_message_above_it_is_kept(
    tmp_path: Path,
) -> None:
    """A long word is two tokens by estimate, and many by the tokenizer."""
    long = "Donaudampfschifffahrtsgesellschaftskapitaenswitwe" * 2
    for tokens, kept in (("estimate", [long, long]), ("exact", [long])):
        home = tmp_path / tokens
        home.mkdir()
        async with gateway(home, configured(f"max_tokens: 4, tokens: {tokens}")) as made:
            await say(made, long)
            assert await said(made) == [long]
            await say(made, long)
            assert await said(made) == kept
            stats = (await made.get("/v1/sessions/s1/stats", params={"user_id": "ann"})).json()
            assert stats["tokens"] == 4 if tokens == "estimate" else stats["tokens"] > 4
            oversized = "a b c d e f g h i j"  # 13 tokens by estimate
            await say(made, "short", oversized)
            assert await said(made) == [oversized]
            stats = (await made.get("/v1/sessions/s1/stats", params={"user_id": "ann"})).json()
            assert (stats["tokens"] == 13) is (tokens == "estimate")


async def test_the_ratio_says_how_much_stays_after_an_overflow(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_messages: 10, keep_ratio: 0.8")) as made:
        await say(made, *[str(number) for number in range(10)])
        assert len(await said(made)) == 10
        await say(made, "10")
        assert await said(made) == [str(number) for number in range(3, 11)]


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}, {"id": "c2"}]}
ANSWERS = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ("c1", "c2")]


async def test_a_call_goes_with_its_answers_or_stays_with_them(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured("max_messages: 3")) as made:
        await say(made, "hello", CALL, *ANSWERS)
        assert len(await said(made)) == 3
        await say(made, "thanks")
        assert await said(made) == ["thanks"]  # of the pair, all or nothing


async def test_without_the_protection_a_call_would_lose_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anywhere(_pieces: Sequence[Piece], first: int) -> int:
        return first

    monkeypatch.setattr(module, "begin", anywhere)
    async with gateway(tmp_path, configured("max_messages: 3")) as made:
        await say(made, "hello", CALL, *ANSWERS, "thanks")
        assert await said(made) == ["c1", "c2", "thanks"]


def _pieces(shapes: list[int]) -> list[Piece]:
    """0 speaks, 1 calls, 2 answers the last call."""
    made: list[Piece] = []
    last = ""
    for place, shape in enumerate(shapes):
        last = f"c{place}" if shape == 1 else last
        tools = Tools(calls=(last,)) if shape == 1 else Tools(answers=(last,)) if shape == 2 and last else Tools()
        made.append(Piece(1 + place % 3, tools))
    return made


@settings(max_examples=300)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=40),
    st.integers(1, 20),
    st.one_of(st.none(), st.integers(1, 30)),
    st.sampled_from([None, 0.3, 1.0]),
)
def test_what_stays_is_whole_and_as_large_as_it_may_be(
    shapes: list[int], most: int, tokens: int | None, ratio: float | None
) -> None:
    pieces = _pieces(shapes)
    gone = excess(pieces, Session(max_messages=most, max_tokens=tokens, keep_ratio=ratio))
    left = pieces[gone:]
    assert left
    called = {call for piece in left for call in piece.tools.calls}
    assert all(answer in called for piece in left for answer in piece.tools.answers)
    within = len(pieces) <= most and (tokens is None or sum(each.tokens for each in pieces) <= tokens)
    assert (gone == 0) or not within
    plain = all(shape == 0 for shape in shapes)
    if plain and not within and tokens is None:
        assert len(left) == min(len(pieces), max(1, int(most * (ratio or 1.0))))


async def test_the_only_message_kept_is_the_newest_where_answers_belong_to_nothing(tmp_path: Path) -> None:
    lone: list[Any] = [{"role": "tool", "tool_call_id": f"x{number}", "content": f"{number}"} for number in range(5)]
    async with gateway(tmp_path, configured("max_messages: 2")) as made:
        await say(made, *lone)
        assert await said(made) == ["3", "4"]


async def test_an_eviction_that_fails_is_no_failure_of_the_append_and_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.domain.errors import Unavailable
    from gateway.services.retention import relieving

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("away")

    async with gateway(tmp_path, configured("max_messages: 5")) as made:
        with monkeypatch.context() as patched:
            patched.setattr(relieving, "put_away", away)
            await say(made, *[str(number) for number in range(9)])
            assert len(await said(made)) == 9
        await say(made, "9")
        assert await said(made) == [str(number) for number in range(5, 10)]
        assert 'gateway_faults_total{code="not_trimmed"' in (await made.get("/metrics")).text


def test_another_way_to_evict_than_the_oldest_first_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(configured("max_messages: 10, eviction: lru"))
    notes = compile_config(tmp_path / "gateway.yaml", {}, Catalog.builtin()).diagnostics
    assert [note.code for note in notes] == ["MG0204"]


@pytest.mark.parametrize("ratio", ["0", "1.1", "-1"])
def test_a_ratio_is_more_than_nothing_and_at_most_all(tmp_path: Path, ratio: str) -> None:
    (tmp_path / "gateway.yaml").write_text(configured(f"max_messages: 10, keep_ratio: {ratio}"))
    notes = compile_config(tmp_path / "gateway.yaml", {}, Catalog.builtin()).diagnostics
    assert [note.code for note in notes] == ["MG0205"]


async def test_trimming_never_parts_a_call_from_its_answers(tmp_path: Path) -> None:
    """By any number that is asked for; without the rule, some of them would leave an answer that nobody asked for."""
    text = configured()
    talk = ["hello", CALL, *ANSWERS, "thanks", CALL, *ANSWERS]
    kept: dict[int, list[Any]] = {}
    async with gateway(tmp_path, text) as made:
        for keep in range(10):
            run = f"run {keep}"
            await say(made, *talk, run=run)
            reply = await made.post(f"/v1/sessions/{run}/trim", {"user_id": "ann", "keep": keep})
            assert reply.status_code == 200, reply.text
            kept[keep] = await said(made, run=run)
            assert reply.json()["deleted"] == len(talk) - len(kept[keep])
    assert {keep: len(left) for keep, left in kept.items()} == {
        0: 0, 1: 3, 2: 3, 3: 3, 4: 4, 5: 4, 6: 4, 7: 7, 8: 8, 9: 8,
    }  # fmt: skip
