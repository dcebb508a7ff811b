"""What goes over the wire: where to, with which key, how often; and what is said when it fails."""

import traceback
from pathlib import Path

import pytest

from gateway.domain.errors import DeadlineExceeded, GatewayError, TooLarge, Unavailable
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.zep import Zep
from gateway.testing.making import MEMORIES, Maker, Time
from tests.providers.zep.places import opened
from tests.providers.zep.recorded import KEY, door


async def everything_is_used(provider: Zep, make: Maker) -> None:
    memory, message = make.record("Ann likes tea"), make.record("hello", make.scope(run="r"), kind=Kind.MESSAGE)
    reach = Reach.only(memory.scope)
    await provider.put([memory, message])
    await provider.get(reach, [memory.id])
    await provider.scan(Reach(make.tenant, None, None, None, None), Scan(where=MEMORIES, limit=10))
    await provider.relevant(reach, "what does Ann like?", MEMORIES, 5)
    await provider.brief(Reach.only(message.scope), "")
    await provider.extract([make.record("Ann owns a cat", role="user")], wait=True)
    await provider.delete(Reach.only(message.scope), [message.id])
    await provider.delete(reach, [memory.id])
    await provider.sweep(10)
    await provider.ping()


@pytest.mark.parametrize("scope", ["episodes", "edges", "nodes"])
async def test_every_request_goes_to_the_base_url_with_the_key(
    scope: str, tmp_path: Path, make: Maker, clock: Time
) -> None:
    async with door(tmp_path) as zep, opened(zep.server, "mg", clock, scope=scope, wait=True) as provider:
        await everything_is_used(provider, make)
        assert len(zep.requests) > 15
        assert {each.path.startswith("/inner/zep/api/v4/") for each in zep.requests} == {True}
        assert {each.headers.get("authorization") for each in zep.requests} == {f"Api-Key {KEY}"}


async def test_another_key_is_refused_so_the_key_is_what_lets_in(tmp_path: Path, clock: Time) -> None:
    async with door(tmp_path) as zep, opened(zep.server, "mg", clock, api_key="other") as provider:
        with pytest.raises(Unavailable) as refused:
            await provider.ping()
        assert refused.value.code == "zep_key"


async def test_a_search_asks_for_the_graph_of_its_own_user_alone(tmp_path: Path, make: Maker, clock: Time) -> None:
    async with door(tmp_path) as zep, opened(zep.server, "mg", clock, wait=True) as provider:
        mine, theirs = make.record("tea at noon"), make.record("tea at night", make.scope("bob"))
        await provider.put([mine])
        own = {each.path.split("/")[6] for each in zep.requests if "/graphs/" in each.path}
        await provider.put([theirs])
        zep.requests.clear()
        hits = await provider.relevant(Reach.only(mine.scope), "when is tea?", MEMORIES, 10)
        assert [hit.record for hit in hits] == [mine]
        assert {each.path.split("/")[6] for each in zep.requests} == own


async def test_the_idempotency_key_is_the_records_and_its_versions(tmp_path: Path, make: Maker, clock: Time) -> None:
    async with door(tmp_path) as zep, opened(zep.server, "mg", clock) as provider:
        record = make.record("tea")
        reach = Reach.only(record.scope)
        keys: list[str] = []
        for version in (1, 2, 1):
            zep.requests.clear()
            assert list(await provider.put([make.record("tea", id=record.id, version=version)])) == [True]
            keys += [each.headers["idempotency-key"] for each in zep.requests if each.path.endswith("/episodes")]
            if version == 2:
                await provider.delete(reach, [record.id])
        assert len(set(keys)) == len(keys) == 3  # the third is another record's: created at another time
        assert all(len(key) == 64 for key in keys)
        found = (await provider.get(reach, [record.id]))[0]
        assert found is not None
        await provider.delete(reach, [record.id])
        zep.requests.clear()
        # Zep answers this key out of its memory, without storing; the provider sees that and stores.
        assert list(await provider.put([found])) == [True]
        assert list(await provider.get(reach, [record.id])) == [found]
        again = [each.headers["idempotency-key"] for each in zep.requests if each.path.endswith("/episodes")]
        assert again[0] == keys[2]
        assert again[1] not in keys


CASES: list[tuple[int, type[GatewayError], str]] = [
    (400, Unavailable, "zep_rejected"), (401, Unavailable, "zep_key"), (403, Unavailable, "zep_key"),
    (408, DeadlineExceeded, "zep_timeout"), (409, Unavailable, "zep_conflict"), (413, TooLarge, "zep_too_large"),
    (422, Unavailable, "zep_rejected"), (429, Unavailable, "zep_busy"), (500, Unavailable, "zep_failed"),
    (502, Unavailable, "zep_failed"), (503, Unavailable, "zep_failed"), (307, Unavailable, "zep_failed"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "code"), CASES)
async def test_a_failure_is_told_once_in_words_without_the_key(
    status: int, kind: type[GatewayError], code: str, tmp_path: Path, make: Maker, clock: Time
) -> None:
    elsewhere = [(b"location", b"http://127.0.0.1:1/stolen"), (b"retry-after", b"7")]
    async with door(tmp_path) as zep, opened(zep.server, "mg", clock) as provider:
        record = make.record("tea")
        await provider.put([record])
        zep.requests.clear()
        zep.instead = (status, elsewhere)
        with pytest.raises(kind) as failed:
            await provider.relevant(Reach.only(record.scope), "tea?", Where(frozenset({Kind.MEMORY})), 5)
        assert failed.value.code == code
        assert len(zep.requests) == 1  # neither tried again nor led elsewhere
        told = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + str(failed.value.headers)
        assert KEY not in told
        assert "tea" not in str(failed.value)
        if status == 429:
            assert failed.value.headers == {"Retry-After": "7"}


async def test_what_is_not_there_and_what_does_not_answer_are_unavailable(make: Maker, clock: Time) -> None:
    nowhere = {"url": "http://127.0.0.1:1/api/v4", "api_key": KEY}
    async with opened(nowhere, "mg", clock) as provider:
        with pytest.raises(Unavailable) as failed:
            await provider.put([make.record()])
        assert failed.value.code == "zep_unreachable"
        assert KEY not in "".join(traceback.format_exception(failed.value))
    with pytest.raises(Unavailable):
        await provider.ping()  # closed
