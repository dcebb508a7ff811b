"""What is in the bucket: readable documents, no word of a client in any name, two objects for a record, and who wins."""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Kit, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.aws import connect
from gateway.providers.folder import Folder
from gateway.providers.s3 import S3
from gateway.providers.s3.bucket import Bucket
from gateway.testing import hostile
from gateway.testing.making import Maker, Time, everything, one, scanned
from tests.servers.aws import KEYS, aws


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with aws(tmp_path_factory.mktemp("moto")) as facts:
        yield facts


def options(server: Mapping[str, str], bucket: str, **more: Any) -> Any:
    where = {"endpoint_url": server["endpoint_url"], "region": server["region"], **KEYS}
    given = {**where, "bucket": bucket, "create_bucket": True, "connections": 8, **more}
    return msgspec.convert(given, S3.Options, dec_hook=lambda kind, text: kind(text))


@asynccontextmanager
async def opened(server: Mapping[str, str], bucket: str, clock: Time, **more: Any) -> AsyncGenerator[S3]:
    provider = S3(options(server, bucket, **more), Kit(name="s3", clock=clock, home=Path(), dimension=8))
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        yield provider


@asynccontextmanager
async def raw(server: Mapping[str, str], bucket: str) -> AsyncGenerator[Any]:
    async with AsyncExitStack() as stack:
        yield await connect(stack, "s3", options(server, bucket), "raw")


async def keys(server: Mapping[str, str], bucket: str) -> list[str]:
    async with raw(server, bucket) as client:
        answer = await client.list_objects_v2(Bucket=bucket)
        return [each["Key"] for each in answer.get("Contents", ())]


async def test_a_record_is_a_readable_document_and_an_entry_in_the_index(server: Mapping[str, str]) -> None:
    make = Maker(clock := Time())
    record = make.record("likes tea", make.scope("ann@example.com"), metadata={"topic": "drinks"})
    async with opened(server, "readable", clock, prefix="gateway/archive") as provider:
        await provider.put([record])
        newer = msgspec.structs.replace(record, text="likes cake", version=2)
        await provider.put([newer])
    entry, document = await keys(server, "readable")
    assert entry.startswith("gateway/archive/index/") and document.startswith("gateway/archive/records/")
    async with raw(server, "readable") as client:
        answer = await client.get_object(Bucket="readable", Key=document)
        held = json.loads(await answer["Body"].read())
    assert (held["content"], held["user_id"], held["version"]) == ("likes cake", "ann@example.com", 2)
    async with opened(server, "readable", clock, prefix="gateway/archive") as provider:
        await provider.delete(Reach.only(record.scope), [record.id])
    assert await keys(server, "readable") == []


async def test_no_name_in_the_bucket_holds_a_word_of_a_client(server: Mapping[str, str]) -> None:
    make = Maker(clock := Time())
    async with opened(server, "names", clock) as provider:
        await provider.put([
            make.record(scope=Scope(make.tenant, "default", id_, id_, id_), id=id_) for id_ in hostile.IDS
        ])  # fmt: skip
    names = await keys(server, "names")
    assert len(names) == 2 * len(hostile.IDS)
    assert all(set(name) <= set("0123456789abcdefghijklmnopqrstuvwxyz./-") and len(name) < 1024 for name in names)


async def test_a_session_is_archived_listed_and_restored(server: Mapping[str, str], tmp_path: Path) -> None:
    make = Maker(clock := Time())
    scope = make.scope("ann", run="s1")
    session = [make.record("", scope, kind=Kind.SESSION)] + [
        make.record(f"m{n}", scope, kind=Kind.MESSAGE, role="user", body=b'{"n": 1}') for n in range(5)
    ]
    where = Where(KINDS_OF[Family.MESSAGE])
    async with AsyncExitStack() as stack, opened(server, "archive", clock) as archive:
        live = Folder(Folder.Options(path="live"), Kit(name="live", clock=clock, home=tmp_path))
        await live.open(stack)
        await archive.put(session)
        listed = await scanned(archive, everything(make.tenant), where)
        assert {each.scope.run for each in listed} == {"s1"}
        await live.put(listed)
        assert await scanned(live, Reach.only(scope), where) == session[::-1]


@pytest.mark.parametrize("guarded", [True, False])
async def test_one_of_rivals_in_different_gateways_wins(
    guarded: bool, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test writes without a condition: then several believe that they won."""
    make = Maker(clock := Time(), f"rivals{guarded}")
    if not guarded:
        put, turns = Bucket.put, cycle(range(6))

        async def without(self: Bucket, name: str, content: bytes, *, over: str | None) -> str | None:  # noqa: ARG001 -- the fault
            await asyncio.sleep(0.05 * next(turns))  # those who come later find what the first has written
            known = await self.get(name)
            return await put(self, name, content, over=None if known is None else known.etag)

        monkeypatch.setattr(Bucket, "put", without)
    bucket = f"rivals-{str(guarded).lower()}"
    async with opened(server, bucket, clock) as first, opened(server, bucket, clock) as second:
        winners: list[int] = []
        for _ in range(8):
            record = make.record()
            rivals = [msgspec.structs.replace(record, text=f"{n}") for n in range(6)]
            answers = await asyncio.gather(*((first, second)[n % 2].put([each]) for n, each in enumerate(rivals)))
            winners.append(sum(answer[0] for answer in answers))
    assert (max(winners) == 1) is guarded


async def test_what_another_gateway_changed_is_never_read_from_memory(server: Mapping[str, str]) -> None:
    make = Maker(clock := Time(), "remembered")
    records = make.records(150)
    reach = Reach.only(make.scope())
    async with opened(server, "remembered", clock) as first, opened(server, "remembered", clock) as second:
        await first.put(records)
        changed = [msgspec.structs.replace(each, text="changed", version=2) for each in records[::3]]
        await second.put(changed)
        await second.delete(reach, [each.id for each in records[1::3]])
        expected = sorted([*changed, *records[2::3]], key=lambda each: each.created_at, reverse=True)
        assert await scanned(first, reach) == expected
        assert [each for each in await first.get(reach, [each.id for each in records[1::3]]) if each] == []


async def test_the_service_is_told_how_to_encrypt(server: Mapping[str, str]) -> None:
    make = Maker(clock := Time(), "sealed")
    async with opened(server, "encrypted", clock, server_side_encryption="AES256") as provider:
        await provider.put([make.record()])
    async with raw(server, "encrypted") as client:
        for key in await keys(server, "encrypted"):
            assert (await client.head_object(Bucket="encrypted", Key=key))["ServerSideEncryption"] == "AES256"


async def test_a_missing_bucket_is_said_and_made_only_on_request(server: Mapping[str, str]) -> None:
    with pytest.raises(Unavailable, match="the bucket is not there; make it, or say `create_bucket: true`"):
        async with opened(server, "nowhere", Time(), create_bucket=False):
            pass


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kms_key_id": "k"}, "`kms_key_id` is the key of"),
        ({"prefix": "a b"}, "prefix"),
        ({"access_key_id": None}, "go together"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused_in_words(
    wrong: dict[str, Any], words: str, server: Mapping[str, str]
) -> None:
    with pytest.raises(msgspec.ValidationError) as told:
        options(server, "bucket", **wrong)
    assert words in str(told.value)


async def test_a_service_that_stops_in_mid_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    make = Maker(clock := Time(), "stopped")
    acknowledged: dict[str, Record] = {}
    failed: list[str] = []
    enough, missed = asyncio.Event(), asyncio.Event()
    with aws(tmp_path) as server:
        async with opened(server, "stopped", clock, timeout=1.0, connect_timeout=1.0) as provider:

            async def write(number: int) -> None:
                for n in range(25):
                    record = make.record(f"{number} {n}", make.scope(f"u{number}"))
                    try:
                        if all(await provider.put([record])):
                            acknowledged[record.id] = record
                        if len(acknowledged) >= 20:
                            enough.set()
                    except Unavailable as error:
                        failed.append(error.detail)
                        missed.set()
                        await asyncio.sleep(0.1)

            writers = asyncio.gather(*(write(number) for number in range(4)))
            await asyncio.wait_for(enough.wait(), 30)
            os.kill(int(server["pid"]), signal.SIGSTOP)
            await asyncio.wait_for(missed.wait(), 60)  # however long the client goes on asking
            os.kill(int(server["pid"]), signal.SIGCONT)
            await writers
            assert failed
            assert all("no answer" in each for each in failed)
            assert len(acknowledged) > 20
            found = {each.id: each.text for each in await scanned(provider, everything(make.tenant))}
            assert {id_: found.get(id_) for id_ in acknowledged} == {
                id_: each.text for id_, each in acknowledged.items()
            }
            some = next(iter(acknowledged.values()))
            assert await one(provider, some) == some


async def test_a_body_is_sent_at_once_so_that_a_silent_service_is_given_up_in_time() -> None:
    """Who reads the headers and never answers: waiting to be told to go on would have no end."""
    heard = bytearray()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            heard.extend(piece)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    place = {"endpoint_url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "region": "eu-central-1"}
    async with server, AsyncExitStack() as stack:
        client = await connect(stack, "s3", options(place, "silent", timeout=0.3), "s3")
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable, match="no answer"):
                await Bucket(client, "silent", "", {}, 4, "s3").put("a", b"the body", over=None)
    assert b"the body" in heard


async def test_tenants_with_hostile_ids_never_meet(server: Mapping[str, str]) -> None:
    """1,000 operations at random, by twenty tenants with the same users and ids."""
    clock, chance = Time(), random.Random("hostile")
    make = Maker(clock, "hostile")
    tenants = [f"{make.tenant}{tail}" for tail in hostile.IDS[:20]]
    held: dict[tuple[str, str, str], str] = {}
    async with opened(server, "hostile", clock) as provider:
        for number in range(1_000):
            tenant, user, id_ = chance.choice(tenants), chance.choice(hostile.IDS[::5]), chance.choice(hostile.IDS[:4])
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
