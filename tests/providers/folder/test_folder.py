"""What is in the folder: readable documents, no word of a client in any name, and nothing half written, whoever is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.errors import Tampered, Unavailable
from gateway.domain.ports import Kit, Where
from gateway.domain.record import KINDS_OF, Family, Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.archive import digest, entry_of, part_of
from gateway.providers.folder import Folder, files
from gateway.testing import hostile
from gateway.testing.making import Maker, Time, everything, one, scanned
from gateway.testing.worker import Job


@asynccontextmanager
async def opened(home: Path, clock: Time, **options: float) -> AsyncGenerator[Folder]:
    folder = Folder(Folder.Options(path="archive", **options), Kit(name="folder", clock=clock, home=home, dimension=8))
    async with AsyncExitStack() as stack:
        await folder.open(stack)
        yield folder


async def test_a_document_can_be_read_with_any_editor(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    record = make.record("likes tea", make.scope("ann@example.com", run="r1"), metadata={"topic": "drinks"})
    async with opened(tmp_path, clock) as folder:
        await folder.put([record])
    file = tmp_path / f"archive/records/{part_of(make.tenant)}/{digest(record.id)}.json"
    document = json.loads(file.read_bytes())
    assert document["content"] == "likes tea"
    assert (document["user_id"], document["run_id"], document["metadata"]) == (
        "ann@example.com", "r1", {"topic": "drinks"},
    )  # fmt: skip
    assert file.stat().st_mode & 0o077 == 0


async def test_no_name_in_the_folder_holds_a_word_of_a_client(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    async with opened(tmp_path, clock) as folder:
        for id_ in hostile.IDS:
            scope = Scope(make.tenant, "default", id_, id_, id_)
            await folder.put([make.record(scope=scope, id=id_)])
    for path in (tmp_path / "archive").rglob("*"):
        if path.is_file():
            assert all(letter in "0123456789abcdefghijklmnopqrstuvwxyz.-" for letter in path.name), path


async def test_a_session_is_archived_listed_and_restored(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    scope = make.scope("ann", run="s1")
    session = [make.record("", scope, kind=Kind.SESSION)] + [
        make.record(f"m{n}", scope, kind=Kind.MESSAGE, role="user", body=b'{"n": 1}') for n in range(5)
    ]
    where = Where(KINDS_OF[Family.MESSAGE])
    async with opened(tmp_path, clock) as archive:
        await archive.put(session)
    async with opened(tmp_path, clock) as archive, opened(tmp_path / "live", clock) as live:
        listed = await scanned(archive, everything(make.tenant), where)
        assert {each.scope.run for each in listed} == {"s1"}
        await live.put(listed)
        assert await scanned(live, Reach.only(scope), where) == session[::-1]


async def test_a_damaged_document_is_told_and_not_taken_for_missing(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    record = make.record()
    async with opened(tmp_path, clock) as folder:
        await folder.put([record])
        file = next((tmp_path / "archive/records").rglob("*.json"))
        file.write_bytes(file.read_bytes()[:-9])
        with pytest.raises(Tampered):
            await one(folder, record)


async def test_what_a_killed_writer_had_begun_is_cleared_and_shown_to_nobody(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    record = make.record()
    async with opened(tmp_path, clock) as folder:
        await folder.put([make.record()])
        # As a writer leaves it that is killed before it renames: an entry and half a document.
        entry = tmp_path / "archive/index" / entry_of(record).name()
        entry.touch()
        half = tmp_path / f"archive/incoming/{part_of(make.tenant)}/{digest(record.id)}"
        half.write_bytes(b'{"id": "')
        assert await one(folder, record) is None
        assert len(await scanned(folder, everything(make.tenant))) == 1
    async with opened(tmp_path, clock) as folder:
        assert not half.exists()
        assert list(await folder.put([record])) == [True]
        assert await one(folder, record) == record


@pytest.mark.parametrize("whole", [True, False])
def test_a_writer_killed_in_mid_write_leaves_no_half_record(whole: bool, tmp_path: Path) -> None:
    """The counter-test writes in place, as a careless archive would: then halves are found."""
    clock = Time()
    tenant = Maker(clock, "kill").tenant
    chance = random.Random("folder")
    root = Path(__file__).parents[3]
    module = "gateway.testing.worker" if whole else "tests.providers.folder.careless"
    torn = 0
    for turn in range(4 if whole else 8):
        job = Job(
            plugin="gateway.providers.folder:Folder", options={"path": "archive"}, home=str(tmp_path), token="",
            server={}, tenant=tenant, seed=f"kill{turn}", batches=100_000,
        )  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps({name: getattr(job, name) for name in job.__struct_fields__})],
            stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
        process.wait()
        process.stdout.close()
        for file in (tmp_path / "archive/records").rglob("*.json"):
            try:
                json.loads(file.read_bytes())
            except json.JSONDecodeError:
                torn += 1
        if torn:
            break
    assert (torn == 0) is whole


async def test_a_writer_waits_for_another_process_and_not_for_ever(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    async with opened(tmp_path, clock, lock_timeout=0.05) as folder:
        await folder.put([make.record()])
        with files.locked(tmp_path / "archive/locks" / part_of(make.tenant), 1, "other"):
            with pytest.raises(Unavailable, match="another process kept the folder locked"):
                await folder.put([make.record()])
            assert len(await scanned(folder, everything(make.tenant))) == 1
        assert list(await folder.put([make.record()])) == [True]


async def test_trouble_with_files_is_unavailable_in_words_without_paths(tmp_path: Path) -> None:
    make = Maker(clock := Time())
    (tmp_path / "archive").write_text("a file")
    with pytest.raises(Unavailable, match="a file is where the folder should be") as told:
        async with opened(tmp_path, clock) as folder:
            await folder.put([make.record()])
    assert str(tmp_path) not in str(told.value)


async def test_tenants_with_hostile_ids_never_meet(tmp_path: Path) -> None:
    """3,000 operations at random, by twenty tenants with the same users and ids."""
    clock, chance = Time(), random.Random("hostile")
    make = Maker(clock, "hostile")
    tenants = [f"{make.tenant}{tail}" for tail in hostile.IDS[:20]]
    held: dict[tuple[str, str, str], str] = {}
    async with opened(tmp_path, clock) as folder:
        for number in range(3_000):
            tenant, user, id_ = chance.choice(tenants), chance.choice(hostile.IDS), chance.choice(hostile.IDS[:12])
            scope = Scope(tenant, "default", user)
            match chance.randrange(3):
                case 0:
                    (stored,) = await folder.put([make.record(f"{number}", scope, id=id_, version=number + 1)])
                    rival = any(key[0] == tenant and key[2] == id_ and key[1] != user for key in held)
                    assert stored is not rival
                    if stored:
                        held[tenant, user, id_] = f"{number}"
                case 1:
                    (found,) = await folder.get(Reach.only(scope), [id_])
                    assert (found.text if found else None) == held.get((tenant, user, id_))
                case _:
                    gone = await folder.delete(Reach.only(scope), [id_])
                    assert gone == (held.pop((tenant, user, id_), None) is not None)
        for tenant in tenants:
            found = await scanned(folder, everything(tenant))
            assert {(each.scope.tenant, each.scope.user, each.id): each.text for each in found} == {
                key: text for key, text in held.items() if key[0] == tenant
            }
