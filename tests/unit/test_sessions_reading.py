"""Reading a session: its history against a plain list, its statistics, its search, and what removing leaves."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from gateway.config.model import Layer, Limits, Retrieval, Session
from gateway.domain.errors import Forbidden, Invalid, Malformed, NotFound
from gateway.domain.principal import Role
from gateway.services.sessions.appending import APPEND, Append
from gateway.services.sessions.history import HISTORY, HistoryOf
from gateway.services.sessions.listing import LIST, SessionListing
from gateway.services.sessions.minting import MINT, NewSession
from gateway.services.sessions.removing import CLEAR
from gateway.services.sessions.removing import DELETE as DELETE_SESSION
from gateway.services.sessions.searching import SEARCH, SessionSearch
from gateway.services.sessions.stats import STATS
from gateway.services.sessions.system import DELETE, GET, PUT, OneSession, SystemPrompt
from tests.unit.calling import PROVIDERS, START, Desk, open_desk, plain, raw


@pytest.fixture(params=PROVIDERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(request.param, tmp_path) as opened:
        yield opened


async def say(desk: Desk, *messages: dict[str, Any], run: str = "s1", **how: Any) -> None:
    await desk.ask(APPEND, Append(messages=[raw(each) for each in messages]), run=run, **how)


async def heard(desk: Desk, run: str = "s1", **how: Any) -> list[str]:
    reply = await desk.ask(HISTORY, HistoryOf(**how), run=run)
    return [each["content"] for each in plain(reply)["messages"]]


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


async def test_the_last_so_many_come_in_the_order_they_were_said(desk: Desk) -> None:
    await say(desk, *[user(str(n)) for n in range(10)])
    assert await heard(desk, limit=3) == ["7", "8", "9"]
    assert await heard(desk, limit=3, offset=2) == ["5", "6", "7"]
    assert await heard(desk, offset=9) == ["0"]
    assert await heard(desk, offset=10) == []
    assert await heard(desk, "unknown") == []


async def test_history_equals_a_plain_list_for_any_roles_limit_and_offset(desk: Desk) -> None:
    chance = Random(7)
    said: list[dict[str, Any]] = []
    for n in range(120):
        role = chance.choice(["user", "assistant", "tool"])
        said.append({"role": role, "content": str(n), "metadata": {"odd": n % 2}})
    for start in range(0, 120, 40):
        await say(desk, *said[start : start + 40])
    for _ in range(60):
        roles = chance.choice([None, ["user"], ["user", "tool"], ["nobody"]])
        limit, offset = chance.choice([None, 1, 7, 500]), chance.choice([0, 1, 13, 119, 300])
        filters = chance.choice([{}, {"odd": 1}])
        wanted = [each for each in said if roles is None or each["role"] in roles]
        wanted = [each for each in wanted if not filters or each["metadata"]["odd"] == 1]
        wanted = wanted[: len(wanted) - offset] if offset < len(wanted) else []
        wanted = wanted[-limit:] if limit is not None else wanted
        got = await heard(desk, roles=roles, limit=limit, offset=offset, filters=filters)
        assert got == [each["content"] for each in wanted]


async def test_a_cursor_leads_back_to_the_first_message(desk: Desk) -> None:
    await say(desk, *[user(str(n)) for n in range(10)])
    pages: list[list[str]] = []
    cursor = None
    while True:
        reply = plain(await desk.ask(HISTORY, HistoryOf(limit=4, cursor=cursor), run="s1"))
        pages.insert(0, [each["content"] for each in reply["messages"]])
        await say(desk, user("later"))  # moves an offset, not a cursor
        cursor = reply["cursor"]
        if cursor is None:
            break
    assert [each for page in pages for each in page] == [str(n) for n in range(10)]


async def test_a_cursor_of_another_session_is_not_found(desk: Desk) -> None:
    for run in ("s1", "s2"):
        await say(desk, *[user(str(n)) for n in range(3)], run=run)
    cursor = (await desk.ask(HISTORY, HistoryOf(limit=1), run="s1")).cursor
    with pytest.raises(NotFound):
        await desk.ask(HISTORY, HistoryOf(limit=1, cursor=cursor), run="s2")
    with pytest.raises(Invalid):
        await desk.ask(HISTORY, HistoryOf(cursor=cursor, offset=1), run="s1")


async def test_a_page_is_never_longer_than_the_route_allows(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(limits=Limits(max_page=3))) as desk:
        await say(desk, *[user(str(n)) for n in range(5)])
        assert await heard(desk, limit=100) == ["2", "3", "4"]
        assert await heard(desk) == ["2", "3", "4"]


async def test_filters_are_about_the_metadata_of_messages(desk: Desk) -> None:
    await say(
        desk, user("a", metadata={"priority": "high", "n": 1}), user("b", metadata={"priority": "low"}), user("c")
    )
    assert await heard(desk, filters={"priority": "high"}) == ["a"]
    assert await heard(desk, filters={"priority": "high", "n": 2}) == []


async def test_a_range_of_dates_has_both_its_ends(desk: Desk) -> None:
    await say(desk, *[user(str(n)) for n in range(4)])
    times = [each.created_at for each in (await desk.ask(HISTORY, HistoryOf(), run="s1")).messages]
    assert await heard(desk, since=times[1], until=times[2]) == ["1", "2"]
    assert await heard(desk, since=times[1] + timedelta(microseconds=1)) == ["2", "3"]
    elsewhere = HistoryOf(since=datetime.fromisoformat(times[3].astimezone().isoformat()))
    assert len((await desk.ask(HISTORY, elsewhere, run="s1")).messages) == 1


async def test_a_time_without_a_zone_is_refused(desk: Desk) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"since": "2026-01-01T00:00:00"}', type=HistoryOf)
    with pytest.raises(Invalid):
        await desk.ask(HISTORY, HistoryOf(until=START.replace(tzinfo=None)), run="s1")


async def test_statistics_are_those_of_the_messages(desk: Desk) -> None:
    sent = [user("one two three"), {"role": "assistant", "content": "four"}]
    await say(desk, {"role": "system", "content": "not counted"}, *sent)
    stats = await desk.ask(STATS, OneSession(), run="s1")
    times = [each.created_at for each in (await desk.ask(HISTORY, HistoryOf(), run="s1")).messages]
    assert (stats.messages, stats.tokens) == (2, 4)
    assert stats.bytes == sum(len(msgspec.json.encode(each)) for each in sent)
    assert [stats.first_at, stats.last_at] == times
    empty = await desk.ask(STATS, OneSession(), run="none")
    assert (empty.messages, empty.first_at) == (0, None)


async def test_the_system_prompt_is_set_replaced_and_removed(desk: Desk) -> None:
    with pytest.raises(NotFound) as missing:
        await desk.ask(GET, OneSession(), run="s1")
    assert missing.value.code == "no_system"
    await desk.ask(PUT, SystemPrompt(content=raw('"be kind"')), run="s1")
    whole = '{"role":"system", "content":[{"type":"text","text":"be brief"}], "cache": true}'
    replaced = await desk.ask(PUT, SystemPrompt(message=raw(whole)), run="s1")
    assert bytes((await desk.ask(GET, OneSession(), run="s1")).system.message).decode() == whole
    assert bytes(replaced.system.message).decode() == whole
    assert await heard(desk) == []
    assert (await desk.ask(DELETE, OneSession(), run="s1")).deleted == 1
    assert (await desk.ask(DELETE, OneSession(), run="s1")).deleted == 0


@pytest.mark.parametrize(
    "bad",
    [SystemPrompt(), SystemPrompt(message=raw(user("x"))), SystemPrompt(content=raw('"a"'), message=raw(user("x")))],
)
async def test_a_system_prompt_is_given_in_one_way_and_by_its_role(desk: Desk, bad: SystemPrompt) -> None:
    with pytest.raises(Invalid):
        await desk.ask(PUT, bad, run="s1")


async def test_clearing_keeps_the_system_prompt_and_counts_what_was_there(desk: Desk) -> None:
    await say(desk, {"role": "system", "content": "be kind"}, user("a"), user("b"))
    await say(desk, user("other"), run="s2")
    assert (await desk.ask(CLEAR, OneSession(), run="s1")).deleted == 2
    assert (await desk.ask(CLEAR, OneSession(), run="s1")).deleted == 0
    assert await heard(desk) == []
    assert await heard(desk, "s2") == ["other"]
    assert plain(await desk.ask(GET, OneSession(), run="s1"))["system"]["content"] == "be kind"
    assert len((await desk.ask(LIST, SessionListing())).sessions) == 2


async def test_deleting_a_session_leaves_nothing_of_it_and_nothing_else_gone(desk: Desk) -> None:
    await say(desk, {"role": "system", "content": "be kind"}, user("a"), user("b"))
    await say(desk, user("other"), run="s2")
    with pytest.raises(Forbidden):
        await desk.ask(DELETE_SESSION, OneSession(), run="s1", roles=frozenset({Role.READER, Role.WRITER}))
    assert (await desk.ask(DELETE_SESSION, OneSession(), run="s1")).deleted == 4
    assert (await desk.ask(DELETE_SESSION, OneSession(), run="s1")).deleted == 0
    with pytest.raises(NotFound):
        await desk.ask(GET, OneSession(), run="s1")
    assert [each.session_id for each in (await desk.ask(LIST, SessionListing())).sessions] == ["s2"]


async def test_a_minted_id_follows_the_template(tmp_path: Path) -> None:
    layer = Layer(session=Session(id="user_{user}_session_{uuid}"))
    async with open_desk("memory", tmp_path, layer) as desk:
        one = await desk.ask(MINT, NewSession(metadata={"topic": "tea"}))
        two = await desk.ask(MINT, NewSession())
        assert (one.created, one.metadata) == (True, {"topic": "tea"})
        assert one.session_id.startswith("user_ann_session_")
        assert one.session_id != two.session_id
        assert await heard(desk, one.session_id) == []


async def test_a_template_with_a_part_that_is_missing_is_refused(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(session=Session(id="{agent}-{uuid}"))) as desk:
        with pytest.raises(Malformed) as refused:
            await desk.ask(MINT, NewSession())
        assert refused.value.at == "agent_id"
        assert (await desk.ask(MINT, NewSession(), agent="bot")).session_id.startswith("bot-")


async def test_minting_the_same_session_again_gives_the_first(desk: Desk) -> None:
    first = await desk.ask(MINT, NewSession(metadata={"n": 1}), run="mine")
    again = await desk.ask(MINT, NewSession(metadata={"n": 2}), run="mine")
    assert (first.created, again.created, again.metadata) == (True, False, {"n": 1})
    keyed = [await desk.ask(MINT, NewSession(), key="k") for _ in range(2)]
    assert keyed[0].session_id == keyed[1].session_id


async def test_sessions_are_listed_newest_first_page_by_page(desk: Desk) -> None:
    for n in range(5):
        await desk.ask(MINT, NewSession(metadata={"odd": n % 2}), run=f"s{n}")
    await say(desk, user("x"), run="s0")  # does not make it newer
    await desk.ask(MINT, NewSession(), run="s9", user="bob")
    page = await desk.ask(LIST, SessionListing(limit=3))
    rest = await desk.ask(LIST, SessionListing(limit=3, cursor=page.cursor))
    assert [each.session_id for each in page.sessions + rest.sessions] == ["s4", "s3", "s2", "s1", "s0"]
    assert rest.cursor is None
    odd = await desk.ask(LIST, SessionListing(filters={"odd": 1}))
    assert [each.session_id for each in odd.sessions] == ["s3", "s1"]


async def test_listing_everybodys_sessions_is_forbidden(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(scope="run")) as desk:
        await say(desk, user("x"), user="")
        with pytest.raises(Forbidden) as refused:
            await desk.ask(LIST, SessionListing(), user="")
        assert refused.value.code == "unscoped_list"
        assert len((await desk.ask(LIST, SessionListing(), user="", run="s1")).sessions) == 1


async def test_search_finds_messages_of_this_session_alone(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, embedding=True) as desk:
        await say(
            desk, user("I like green tea"), user("The weather is fine"), {"role": "system", "content": "green tea"}
        )
        await say(desk, user("green tea elsewhere"), run="s2")
        found = await desk.ask(SEARCH, SessionSearch(query="green tea", explain=True), run="s1")
        assert plain(found)["results"][0]["message"] == user("I like green tea")
        assert {each.session_id for each in found.results} == {"s1"}
        assert all(each.role == "user" for each in found.results)


@pytest.mark.parametrize(("origins", "expected"), [((), 5), (("retrieval.top_k",), 8)])
async def test_a_search_gives_five_unless_the_route_or_request_says_otherwise(
    tmp_path: Path, origins: tuple[str, ...], expected: int
) -> None:
    layer = Layer(retrieval=Retrieval(top_k=8, strategy="lexical"))
    async with open_desk("memory", tmp_path, layer, origins=origins) as desk:
        await say(desk, *[user(f"tea number {n}") for n in range(12)])
        assert len((await desk.ask(SEARCH, SessionSearch(query="tea"), run="s1")).results) == expected
        assert len((await desk.ask(SEARCH, SessionSearch(query="tea", top_k=2), run="s1")).results) == 2
