"""Sessions are threads: found again after a restart, told by Zep in its own words, and gone when the last word is deleted."""

import asyncio

from gateway.domain.ports import Brief
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time
from tests.providers.zep.places import Seen, Server, opened


async def test_a_session_is_one_thread_whoever_goes_on_with_it(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    scope = make.scope(run="r1")
    for text in ("one", "two", "three"):  # each time a new process, which knows nothing
        async with opened(server, prefix, clock) as provider:
            await provider.put([make.record(text, scope, kind=Kind.MESSAGE, role="user")])
    async with opened(server, prefix, clock) as provider:
        await provider.put([make.record("other", make.scope(run="r2"), kind=Kind.MESSAGE)])
    assert len(await seen.threads()) == 2
    (first, *_) = {each.thread_uuid for each in await seen.episodes() if each.content == "one"}
    said = [each.content async for each in await seen.zep.thread.list_messages(first or "", order="asc")]
    assert said == ["one", "two", "three"]


async def test_messages_keep_order_role_and_time(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    scope = make.scope(run="r")
    roles = ("user", "assistant", "tool", "developer", "critic", "") * 8
    records = [make.record(f"{n}", scope, kind=Kind.MESSAGE, role=role) for n, role in enumerate(roles)]
    async with opened(server, prefix, clock) as provider:
        await provider.put(records)
        assert list(await provider.get(Reach.only(scope), [each.id for each in records])) == records
    (thread,) = await seen.threads()
    said = [each async for each in await seen.zep.thread.list_messages(thread, order="asc")]
    assert [each.content for each in said] == [str(n) for n in range(48)]
    assert [each.role for each in said[:6]] == ["user", "assistant", "tool", "system", "user", "user"]
    assert said[4].name == "critic"
    assert [each.reference_time for each in said] == [each.created_at.isoformat() for each in records]


async def test_a_thread_that_was_deleted_elsewhere_is_made_again(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    scope = make.scope(run="r")
    async with opened(server, prefix, clock) as provider:
        await provider.put([make.record("one", scope, kind=Kind.MESSAGE)])
        (thread,) = await seen.threads()
        await seen.zep.thread.delete(thread)
        for _ in range(500):  # it goes a little later
            if not await seen.threads():
                break
            await asyncio.sleep(0.01)
        again = make.record("two", scope, kind=Kind.MESSAGE)
        assert list(await provider.put([again])) == [True]
        assert list(await provider.get(Reach.only(scope), [again.id])) == [again]
    assert thread not in {each.thread_uuid for each in await seen.episodes() if each.content == "two"}


async def test_a_user_that_was_deleted_elsewhere_is_made_again(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    async with opened(server, prefix, clock) as provider:
        gone = make.record("one")
        await provider.put([gone])
        (user,) = await seen.users()
        await seen.zep.user.delete(user.uuid_ or "")
        assert list(await provider.get(Reach.only(gone.scope), [gone.id])) == [None]
        again = make.record("two")
        assert list(await provider.put([again])) == [True]
        assert list(await provider.get(Reach.only(gone.scope), [again.id])) == [again]


async def test_the_last_message_deleted_takes_the_thread_along_and_no_other(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    scope = make.scope(run="r1")
    records = [make.record(f"{n}", scope, kind=Kind.MESSAGE) for n in range(3)]
    kept = make.record("kept", make.scope(run="r2"), kind=Kind.MESSAGE)
    async with opened(server, prefix, clock) as provider:
        await provider.put([*records, kept])
        assert await provider.delete(Reach.only(scope), [records[0].id]) == 1
        assert len(await seen.threads()) == 2
        assert await provider.delete(Reach.only(scope), [each.id for each in records]) == 2
    assert [each.content for each in await seen.episodes()] == ["kept"]


async def test_a_brief_of_a_session_is_zeps_context_and_summary(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    scope = make.scope(run="r")
    said = [make.record("Ann lives in Oslo", scope, kind=Kind.MESSAGE, role="user"), make.record("Ann owns a cat")]
    async with opened(server, prefix, clock, wait=True) as provider:
        await provider.put(said)
        brief = await provider.brief(Reach.only(scope), "")
        assert "- Ann lives in Oslo" in brief.context
        assert "- Ann owns a cat" in brief.context  # what is known of a user is known in each session
        assert brief.summary == "1 messages. Ann lives in Oslo."
        assert await provider.brief(Reach.only(make.scope("bob", run="r")), "cat") == Brief()
    async with opened(server, prefix, clock, auto_summarize=False) as raw:
        assert await raw.brief(Reach.only(scope), "") == Brief()


async def test_a_brief_of_a_question_is_of_the_reach_alone(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    mine, other = make.record("Ann likes tea"), make.record("Ann likes chess", make.scope(run="r"))
    async with opened(server, prefix, clock, wait=True) as provider:
        await provider.put([mine, other])
        assert await provider.brief(Reach.only(mine.scope), "") == Brief()
        exact = await provider.brief(Reach.only(mine.scope), "what does Ann like?")
        assert "Ann likes tea" in exact.context
        assert "chess" not in exact.context
        wide = await provider.brief(Reach(make.tenant, "default", "ann", "", None), "what does Ann like?")
        assert "Ann likes chess" in wide.context
        assert await provider.brief(Reach(make.tenant, "default", None), "what does Ann like?") == Brief()
