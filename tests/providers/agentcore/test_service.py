"""What the service is asked for: events with metadata, memory records in namespaces, its own search, and what it refuses."""

# pyright: reportPrivateUsage=false
# These tests look over the provider's shoulder at what it sends.

import asyncio
import random
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.filters import All, Compare
from gateway.domain.ports import Kit, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.agentcore import Agentcore, naming
from gateway.providers.agentcore.plane import Plane
from gateway.testing import hostile
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned
from tests.servers.agentcore import KEYS, REGION, Server

MESSAGES = Where(frozenset({Kind.MESSAGE}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("agentcore"))
    server.start()
    yield server
    server.stop()


def options(server: Server, **more: Any) -> Any:
    given = {"endpoint_url": server.url, "region": REGION, **KEYS, "memory_id": "memory-abcdefghij", **more}
    return msgspec.convert(given, Agentcore.Options, dec_hook=lambda kind, text: kind(text))


@asynccontextmanager
async def opened(server: Server, clock: Time, **more: Any) -> AsyncGenerator[Agentcore]:
    kit = Kit(name="agentcore", clock=clock, home=Path(), dimension=8)
    provider = Agentcore(options(server, **more), kit)
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        yield provider


def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the service is asked from now on."""
    asked: list[dict[str, Any]] = []
    ask = Plane._ask

    async def noting(self: Plane, operation: Any, **fields: Any) -> Any:
        asked.append({"operation": operation.__name__, **fields})
        return await ask(self, operation, **fields)

    monkeypatch.setattr(Plane, "_ask", noting)
    return asked


async def test_a_session_lives_in_events_and_its_marks_in_memory_records(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker(clock := Time(), "session")
    scope = make.scope("ann@example.com", run="chat 1")
    session = [make.record("", scope, kind=Kind.SESSION), make.record("be kind", scope, kind=Kind.SYSTEM)]
    session += [make.record(f"m{n}", scope, kind=Kind.MESSAGE, role="user") for n in range(5)]
    async with opened(server, clock) as provider:
        asked = asked_of(monkeypatch)
        await provider.put(session)
        events = [each for each in asked if each["operation"] == "create_event"]
        assert {(each["actorId"], each["sessionId"]) for each in events} == {
            (f"{make.tenant}/default/ann_40example_2ecom/0_-", "chat_201"),
        }
        assert [each["payload"][0]["conversational"]["role"] for each in events] == ["USER"] * 5
        assert all(each["clientToken"] and each["extractionMode"] == "SKIP" for each in events)
        assert await scanned(provider, Reach.only(scope), Where(KINDS_OF[Family.MESSAGE])) == session[::-1]
        changed = msgspec.structs.replace(session[1], text="be brief", version=2)
        said = msgspec.structs.replace(session[2], text="m0, changed", version=2)
        assert list(await provider.put([changed, said])) == [True, True]
        found = await scanned(provider, Reach.only(scope), Where(KINDS_OF[Family.MESSAGE]))
        assert found == [*session[:2:-1], said, changed, session[0]]


async def test_memories_are_found_by_the_service_s_own_search(server: Server) -> None:
    make = Maker(clock := Time(), "search")
    tea, cake = make.record("Ann likes green tea"), make.record("cake on sunday", metadata={"topic": "cake"})
    foreign = [
        make.record("green tea", make.scope("bob")),
        make.record("green tea", Scope(make.tenant + "0", "default", "ann")),
    ]
    reach = Reach.only(make.scope())
    async with opened(server, clock, metadata_keys=["topic"]) as provider:
        await provider.put([tea, cake, *foreign, make.record("green tea", ttl=10)])
        clock.forward(seconds=11)
        hits = await provider.relevant(reach, "green tea", MEMORIES, 10)
        assert [(hit.record, hit.score) for hit in hits] == [(tea, 1.0)]
        of_cake = Where(frozenset({Kind.MEMORY}), Compare("eq", "cake", path=("topic",)))
        assert [hit.record for hit in await provider.relevant(reach, "cake or tea", of_cake, 10)] == [cake]
        assert await provider.relevant(reach, "  ", MEMORIES, 10) == []
        wide = await provider.relevant(everything(make.tenant), "green tea", MEMORIES, 10)
        assert {hit.record.id for hit in wide} == {tea.id, foreign[0].id}


async def test_namespaces_and_strategies_are_what_the_configuration_says(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker(clock := Time(), "namespaces")
    strategy = {"id": "facts-1", "namespace": "/facts/{memoryStrategyId}/{actorId}/"}
    more = {"namespace": "/users/{user}/{kind}/", "strategy": "own-1", "strategies": [strategy], "actor_id": ["user"]}
    other = make.record("green tea", Scope(make.tenant + "0", "default", "ann@example.com"))
    mine = make.record("green tea", make.scope("ann@example.com"))
    async with opened(server, clock, **more) as provider:
        asked = asked_of(monkeypatch)
        await provider.put([mine, other])
        created = [
            each for call in asked if call["operation"] == "batch_create_memory_records" for each in call["records"]
        ]
        assert {(each["namespaces"][0], each["memoryStrategyId"]) for each in created} == {
            ("/users/ann_40example_2ecom/memory/", "own-1")
        }
        # As a strategy of the service would have learned it.
        learned = {"requestIdentifier": "r", "namespaces": ["/facts/facts-1/ann_40example_2ecom/"], "timestamp": clock.now,
                   "content": {"text": "prefers green"}, "memoryStrategyId": "facts-1"}  # fmt: skip
        await provider._plane.create_records([learned], "token")
        hits = await provider.relevant(Reach.only(mine.scope), "green tea", MEMORIES, 10)
        assert [hit.record.text for hit in hits] == ["green tea", "prefers green"]
        assert hits[0].record == mine
        assert hits[1].record.metadata == {"strategy": "facts-1"}
        assert await scanned(provider, Reach.only(mine.scope)) == [mine]


async def test_roles_and_metadata_are_asked_of_the_service_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker(clock := Time(), "roles")
    said = [
        make.record(
            f"m{n}", kind=Kind.MESSAGE, role=("user", "tool")[n % 2], metadata={"channel": ("a", "b")[n % 3 == 0]}
        )
        for n in range(12)
    ]
    test = All((Compare("eq", "user", field="role"), Compare("eq", "b", path=("channel",))))
    async with opened(server, clock, metadata_keys=["channel"]) as provider:
        await provider.put(said)
        asked = asked_of(monkeypatch)
        found = await scanned(provider, Reach.only(make.scope()), Where(MESSAGES.kinds, test))
        assert found == [each for each in said[::-1] if (each.role, each.metadata["channel"]) == ("user", "b")]
        (call,) = [each for each in asked if each["operation"] == "list_events"]
        assert {
            each["left"]["metadataKey"]: each["right"]["metadataValue"]["stringValue"]
            for each in call["filter"]["eventMetadata"]
        } == {"role": "user", "m.channel": "b"}


async def test_what_is_too_long_for_one_memory_record_goes_on_in_others_and_all_go_together(server: Server) -> None:
    make = Maker(clock := Time(), "long")
    noise = random.Random("long").randbytes(60_000).hex()
    record = make.record(noise, metadata={"noise": noise[:5000]})
    async with opened(server, clock, memory_id="longtexts-abcdefghij") as provider:

        async def kept() -> int:
            return len([each async for page in provider._plane.records("/", exact=False, tags={}) for each in page])

        await provider.put([record])
        assert await one(provider, record) == record
        assert await kept() > 5
        small = make.record("short", id=record.id, version=2)
        await provider.put([small])
        assert await one(provider, record) == small
        assert await kept() == 1
        await provider.put([msgspec.structs.replace(record, version=3)])
        assert await provider.delete(Reach.only(record.scope), [record.id]) == 1
        assert await kept() == 0


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.MEMORY])
async def test_without_encoding_the_service_refuses_ids(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test: the stand-in holds what is sent against the patterns, which the driver does not."""
    make = Maker(clock := Time(), "raw")
    record = make.record(scope=make.scope("ann@example.com"), kind=kind)
    async with opened(server, clock) as provider:
        assert list(await provider.put([record])) == [True]

        def as_it_is(value: str, longest: int) -> str:
            return value[:longest] or "-"

        monkeypatch.setattr(naming, "named", as_it_is)
        with pytest.raises(Unavailable, match="ValidationException"):
            await provider.put([make.record(scope=make.scope("bob@example.com"), kind=kind)])


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_service_that_goes_away_in_mid_load_loses_nothing_that_was_acknowledged(
    stop: signal.Signals, tmp_path: Path
) -> None:
    server = Server(tmp_path)
    server.start()
    make = Maker(clock := Time(), f"cut{stop}")
    acknowledged: dict[str, Record] = {}
    failed: list[str] = []
    enough, missed = asyncio.Event(), asyncio.Event()
    try:
        async with opened(server, clock, timeout=1.0) as provider:

            async def write(number: int) -> None:
                scope = make.scope(f"u{number}", run="s")
                for n in range(30):
                    record = make.record(f"{number} {n}", scope, kind=(Kind.MESSAGE, Kind.MEMORY)[n % 2])
                    try:
                        if all(await provider.put([record])):
                            acknowledged[record.id] = record
                        if len(acknowledged) >= 30:
                            enough.set()
                    except Unavailable as error:
                        failed.append(error.detail)
                        missed.set()
                        await asyncio.sleep(0.1)

            writers = asyncio.gather(*(write(number) for number in range(6)))
            await asyncio.wait_for(enough.wait(), 30)
            server.send(stop)
            await asyncio.wait_for(missed.wait(), 60)  # however long the client goes on asking
            if stop is signal.SIGKILL:
                server.kill()
                await asyncio.to_thread(server.start)
            else:
                server.send(signal.SIGCONT)
            await writers
            assert failed
            assert len(acknowledged) > 30
            found = await scanned(provider, everything(make.tenant), Where(frozenset({Kind.MESSAGE, Kind.MEMORY})))
            texts = {each.id: each.text for each in found}
            assert len(texts) == len(found), "a record is there twice"
            assert {id_: texts.get(id_) for id_ in acknowledged} == {
                id_: each.text for id_, each in acknowledged.items()
            }
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"memory_id": "short"}, "memory_id"),
        ({"namespace": "/users/{user}/"}, "holds {kind}"),
        ({"namespace": "/users/{usr}/{kind}/"}, "{usr} is none of"),
        ({"namespace": "users/{kind}"}, "starts with a slash"),
        ({"namespace": "/a b/{kind}/"}, "neither a name"),
        ({"actor_id": ["user"], "session_id": ["user"]}, "once"),
        ({"secret_access_key": None}, "go together"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused_in_words(wrong: dict[str, Any], words: str, server: Server) -> None:
    with pytest.raises(msgspec.ValidationError) as told:
        options(server, **wrong)
    assert words in str(told.value)


async def test_tenants_with_hostile_ids_never_meet(server: Server) -> None:
    """1,500 operations at random, by twenty tenants with the same users and ids."""
    clock, chance = Time(), random.Random("hostile")
    make = Maker(clock, "hostile")
    tenants = [f"{make.tenant}{tail}" for tail in hostile.IDS[:20]]
    held: dict[tuple[str, str, str], str] = {}
    async with opened(server, clock) as provider:
        for number in range(1_500):
            tenant, user, id_ = chance.choice(tenants), chance.choice(hostile.IDS), chance.choice(hostile.IDS[:12])
            scope = Scope(tenant, "default", user)
            match chance.randrange(3):
                case 0:
                    (stored,) = await provider.put([make.record(f"{number}", scope, id=id_, version=number + 1)])
                    rival = any(key[0] == tenant and key[2] == id_ and key[1] != user for key in held)
                    assert stored is not rival
                    if stored:
                        held[tenant, user, id_] = f"{number}"
                case 1:
                    (found,) = await provider.get(Reach.only(scope), [id_])
                    assert (found.text if found else None) == held.get((tenant, user, id_))
                case _:
                    gone = await provider.delete(Reach.only(scope), [id_])
                    assert gone == (held.pop((tenant, user, id_), None) is not None)
        for tenant in tenants:
            found = await scanned(provider, everything(tenant))
            assert {(each.scope.tenant, each.scope.user, each.id): each.text for each in found} == {
                key: text for key, text in held.items() if key[0] == tenant
            }
