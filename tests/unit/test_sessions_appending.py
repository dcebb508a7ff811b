"""Appending: nothing is lost, nothing is reordered, nothing is stored twice, and bytes come back as they were sent."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config.model import Layer, Limits, Session
from gateway.domain.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge
from gateway.domain.principal import Role
from gateway.domain.scope import Reach
from gateway.domain.units import Duration, Size
from gateway.services.sessions.appending import APPEND, Append, Appended
from gateway.services.sessions.history import HISTORY, History, HistoryOf
from gateway.services.sessions.listing import LIST, SessionListing, Sessions
from gateway.services.sessions.minting import MINT, NewSession
from gateway.services.sessions.removing import CLEAR
from gateway.services.sessions.system import GET, PUT, OneSession, SystemPrompt
from tests.unit.calling import PROVIDERS, Desk, open_desk, raw


@pytest.fixture(params=PROVIDERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(request.param, tmp_path) as opened:
        yield opened


async def say(desk: Desk, *messages: Any, run: str = "s1", **how: Any) -> Appended:
    return await desk.ask(APPEND, Append(messages=[raw(each) for each in messages]), run=run, **how)


async def heard(desk: Desk, run: str = "s1", **how: Any) -> History:
    return await desk.ask(HISTORY, HistoryOf(**how), run=run)


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def texts(history: History) -> list[Any]:
    return [msgspec.json.decode(each.content) for each in history.messages]


async def test_a_message_comes_back_byte_for_byte_with_every_unknown_key(desk: Desk) -> None:
    sent = '{"role": "assistant",  "content": null, "n": 1.50, "big": 123456789012345678901234567890, "x": {"é": "\\u00e9"}, "tool_calls": [ ]}'
    await say(desk, sent)
    message = (await heard(desk)).messages[0]
    assert bytes(message.message).decode() == sent
    assert bytes(message.content) == b"null"
    assert message.role == "assistant"


async def test_messages_of_one_call_keep_their_order_and_times_rise(desk: Desk) -> None:
    placed = await say(desk, *[user(str(n)) for n in range(20)])
    history = await heard(desk)
    assert [each.id for each in history.messages] == [each.id for each in placed.messages]
    times = [each.created_at for each in history.messages]
    assert times == sorted(set(times))


async def test_a_hundred_concurrent_appends_lose_nothing_and_pairs_stay_together(desk: Desk) -> None:
    desks = [desk, desk.other(2), desk.other(3)]
    await asyncio.gather(*[say(desks[n % 3], user(f"q{n}"), user(f"a{n}")) for n in range(100)])
    said = texts(await heard(desk))
    assert len(said) == 200
    for n in range(100):
        assert said.index(f"q{n}") < said.index(f"a{n}")


async def test_one_message_may_come_alone(desk: Desk) -> None:
    await desk.ask(APPEND, Append(message=raw(user("hi"))), run="s1")
    assert texts(await heard(desk)) == ["hi"]


@pytest.mark.parametrize(
    "request_",
    [Append(), Append(messages=[]), Append(message=raw(user("a")), messages=[raw(user("b"))])],
)
async def test_a_request_names_messages_in_one_way(desk: Desk, request_: Append) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.ask(APPEND, request_, run="s1")
    assert refused.value.code == "no_content"


@pytest.mark.parametrize("bad", ['"text"', '{"content": "no role"}', '{"role": "", "content": "x"}', "[]"])
async def test_a_bad_message_stores_nothing_of_its_batch(desk: Desk, bad: str) -> None:
    with pytest.raises(Invalid):
        await say(desk, user("good"), bad)
    assert texts(await heard(desk)) == []


async def test_any_role_is_a_message_but_system_goes_to_its_slot(desk: Desk) -> None:
    roles = ["developer", "tool", "critic"]
    placed = await say(
        desk, {"role": "system", "content": "be kind"}, *[{"role": each, "content": "x"} for each in roles]
    )
    assert [each.role for each in (await heard(desk)).messages] == roles
    system = await desk.ask(GET, OneSession(), run="s1")
    assert bytes(system.system.content) == b'"be kind"'
    assert [each.role for each in placed.messages] == ["system", *roles]
    assert placed.messages[0].id == system.system.id


async def test_a_second_system_message_replaces_the_first(desk: Desk) -> None:
    await say(desk, {"role": "system", "content": "one"})
    await say(desk, {"role": "system", "content": "two"}, {"role": "system", "content": "three"})
    assert bytes((await desk.ask(GET, OneSession(), run="s1")).system.content) == b'"three"'


async def test_sessions_and_users_are_apart(desk: Desk) -> None:
    await say(desk, user("mine"), run="s1")
    await say(desk, user("longer id"), run="s12")
    await say(desk, user("theirs"), run="s1", user="bob")
    assert texts(await heard(desk, "s1")) == ["mine"]


async def test_two_agents_share_one_session(desk: Desk) -> None:
    await say(desk, user("a"), agent="one")
    await say(desk, user("b"), agent="two")
    assert texts(await heard(desk)) == ["a", "b"]


async def test_a_session_must_be_named(desk: Desk) -> None:
    with pytest.raises(Malformed) as refused:
        await say(desk, user("x"), run="")
    assert refused.value.at == "run_id"


async def test_a_reader_may_not_append(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        await say(desk, user("x"), roles=frozenset({Role.READER}))


async def test_a_repeated_key_gives_the_same_messages_and_stores_none_again(desk: Desk) -> None:
    first = await say(desk, user("a"), user("b"), key="k1")
    again = await say(desk, user("a"), user("b"), key="k1")
    assert again.messages == first.messages
    assert (first.replayed, again.replayed) == (False, True)
    assert texts(await heard(desk)) == ["a", "b"]


async def test_the_same_appends_without_a_key_are_stored_twice(desk: Desk) -> None:
    await say(desk, user("a"))
    await say(desk, user("a"))
    assert texts(await heard(desk)) == ["a", "a"]


@pytest.mark.parametrize(
    ("messages", "run"),
    [(["a", "c"], "s1"), (["a", "b", "c"], "s1"), (["a"], "s1"), (["a", "b"], "s2"), (["a", "b", "c"], "s2")],
)
async def test_a_key_with_another_request_is_refused_and_leaves_nothing(
    desk: Desk, messages: list[str], run: str
) -> None:
    await say(desk, user("a"), user("b"), key="k1")
    with pytest.raises(Invalid) as refused:
        await say(desk, *map(user, messages), key="k1", run=run)
    assert (refused.value.status, refused.value.code) == (422, "idempotency_mismatch")
    assert texts(await heard(desk)) == ["a", "b"]
    assert texts(await heard(desk, "s2")) == []


async def test_racing_requests_with_one_key_store_it_once(desk: Desk) -> None:
    replies = await asyncio.gather(*[say(desk.other(n), user("a"), user("b"), key="k") for n in range(10)])
    assert texts(await heard(desk)) == ["a", "b"]
    assert len({tuple(each.id for each in reply.messages) for reply in replies}) == 1


async def test_a_replay_does_not_bring_back_an_older_system_prompt(desk: Desk) -> None:
    sent = [{"role": "system", "content": "old"}, user("a")]
    await say(desk, *sent, key="k")
    await desk.ask(PUT, SystemPrompt(content=raw('"new"')), run="s1")
    assert (await say(desk, *sent, key="k")).replayed
    assert bytes((await desk.ask(GET, OneSession(), run="s1")).system.content) == b'"new"'


async def test_a_replay_puts_back_what_the_first_request_lost_and_nothing_else(desk: Desk) -> None:
    sent = [{"role": "system", "content": "old"}, user("a"), user("b")]
    first = await say(desk, *sent, key="k")
    await desk.ask(PUT, SystemPrompt(content=raw('"new"')), run="s1")
    await desk.provider.delete(Reach("acme", "default", user="ann", run="s1"), [first.messages[2].id])
    again = await say(desk, *sent, key="k")
    assert [each.id for each in again.messages] == [each.id for each in first.messages]
    assert texts(await heard(desk)) == ["a", "b"]
    assert bytes((await desk.ask(GET, OneSession(), run="s1")).system.content) == b'"new"'


async def test_limits_of_the_route_hold(tmp_path: Path) -> None:
    layer = Layer(limits=Limits(max_batch=2, max_content=Size("100B"), max_metadata=Size("20B")))
    async with open_desk("memory", tmp_path, layer) as desk:
        for messages, code in [
            ([user("x")] * 3, "batch_too_large"),
            ([user("x" * 100)], "content_too_large"),
            ([user("", metadata={"a": "x" * 20})], "metadata_too_large"),
        ]:
            with pytest.raises(TooLarge) as refused:
                await say(desk, *messages)
            assert refused.value.code == code
        await say(desk, user("x"), user("y"))


async def test_message_metadata_must_satisfy_the_schema_of_the_route(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    async with open_desk("memory", tmp_path, Layer(metadata_schema=schema)) as desk:
        await say(desk, user("x", metadata={"n": 1}))
        with pytest.raises(Invalid) as refused:
            await say(desk, user("x", metadata={"n": "one"}))
        assert refused.value.code == "metadata_schema"


async def test_only_messages_with_text_get_a_vector(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, embedding=True) as desk:
        call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}
        placed = await say(desk, user("hello there"), call, {"role": "system", "content": "be kind"})
        reach = Reach("acme", "default", user="ann", run="s1")
        found = await desk.provider.get(reach, [each.id for each in placed.messages])
        assert [record is not None and record.vector is not None for record in found] == [True, False, False]


PREFILL = Layer(session=Session(prefill="How can I help?"))


async def test_a_prefill_opens_a_session_once_however_many_race(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, PREFILL) as desk:
        await asyncio.gather(*[say(desk.other(n), user(str(n))) for n in range(20)])
        await say(desk, user("later"))
        said = texts(await heard(desk))
        assert said[0] == "How can I help?"
        assert said.count("How can I help?") == 1
        assert len(said) == 22
        assert (await heard(desk)).messages[0].role == "assistant"


async def test_a_route_without_prefill_begins_with_the_first_message(desk: Desk) -> None:
    await say(desk, user("first"))
    assert texts(await heard(desk)) == ["first"]


@pytest.mark.parametrize("opener", ["mint", "system"])
async def test_whatever_opens_a_session_brings_its_prefill(tmp_path: Path, opener: str) -> None:
    async with open_desk("memory", tmp_path, PREFILL) as desk:
        if opener == "mint":
            await desk.ask(MINT, NewSession(), run="s1")
        else:
            await desk.ask(PUT, SystemPrompt(content=raw('"x"')), run="s1")
        assert texts(await heard(desk)) == ["How can I help?"]
        await say(desk, user("hi"))
        assert texts(await heard(desk)) == ["How can I help?", "hi"]


async def test_a_cleared_session_does_not_get_its_prefill_again(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, PREFILL) as desk:
        await say(desk, user("a"))
        await desk.ask(CLEAR, OneSession(), run="s1")
        await desk.ask(MINT, NewSession(), run="s1")
        await say(desk, user("b"))
        assert texts(await heard(desk)) == ["b"]


async def test_sessions_that_must_be_minted_are_not_found_before(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(session=Session(create="explicit"))) as desk:
        for ask in (say(desk, user("x")), heard(desk), desk.ask(PUT, SystemPrompt(content=raw('"x"')), run="s1")):
            with pytest.raises(NotFound) as refused:
                await ask
            assert refused.value.code == "no_session"
        await desk.ask(MINT, NewSession(), run="s1")
        assert texts(await heard(desk)) == []
        await say(desk, user("x"))
        assert texts(await heard(desk)) == ["x"]


async def test_the_ttl_of_the_route_ends_a_session_that_nobody_writes_to(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(ttl=Duration("1h"))) as desk:
        await say(desk, {"role": "system", "content": "be kind"}, user("a"))
        desk.clock.forward(minutes=50)
        await say(desk, user("b"))
        desk.clock.forward(minutes=50)
        assert texts(await heard(desk)) == ["b"]
        assert len((await desk.ask(LIST, SessionListing())).sessions) == 1
        assert await desk.ask(GET, OneSession(), run="s1")
        desk.clock.forward(minutes=11)
        assert texts(await heard(desk)) == []
        sessions: Sessions = await desk.ask(LIST, SessionListing())
        assert sessions.sessions == []
        await say(desk, user("anew"))
        assert texts(await heard(desk)) == ["anew"]


async def test_without_a_ttl_nothing_ends(desk: Desk) -> None:
    await say(desk, user("a"))
    desk.clock.forward(days=3650)
    assert texts(await heard(desk)) == ["a"]
