"""Keys are made once, wrapped always, noticed by every worker when they change, and gone when they are shredded."""

import asyncio
import os
import stat
import sys
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from gateway.domain.errors import Misconfigured, Tampered, Unavailable
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.runtime.locksmith import Lot
from gateway.sealing.roots import LocalRoot, RootSource, open_root, read_key
from gateway.sealing.rows import OWNER
from gateway.services import rekeying
from gateway.testing.making import Where, everything, scanned
from tests.sealing.scene import Scene

KEYS = Where(frozenset({Kind.KEY}))


async def test_workers_that_make_the_first_key_at_once_get_the_same_one() -> None:
    scene = Scene()
    rings = [scene.another_ring() for _ in range(8)]
    sealers = await asyncio.gather(*(ring.sealer("t", "ann") for ring in rings))
    assert len({sealer.current for sealer in sealers}) == 1
    assert (await rings[0].sealer("t", "bob")).current != sealers[0].current
    assert (await rings[0].sealer("u", "ann")).current != sealers[0].current
    for ring in rings:
        await ring.close()


async def test_the_store_of_keys_alone_opens_nothing() -> None:
    scene = Scene()
    record = scene.make.record("x", metadata={})
    await scene.sealed.put([record])
    with pytest.raises(Unavailable, match="old_roots"):
        await scene.another_ring(LocalRoot(os.urandom(32), os.urandom)).sealer(scene.make.tenant, "ann")
    rows = await scanned(scene.store.memory, everything(scene.make.tenant), KEYS)
    rows += await scanned(scene.store.memory, everything(OWNER), KEYS)
    assert len(rows) == 2
    await scene.close()


async def test_a_row_moved_to_another_subject_is_tampered() -> None:
    scene = Scene()
    await scene.ring.sealer("t", "ann")
    await scene.ring.sealer("t", "eve")
    rows = {row.user: row async for row in scene.ring.safe.of_subjects("t")}
    above = await scene.ring.safe.tenant_keys("t")

    with pytest.raises(Tampered):
        await scene.ring.safe.unwrapped(msgspec.structs.replace(rows["ann"], user="eve"), above.keys)
    with pytest.raises(Tampered):
        await scene.ring.safe.unwrapped(msgspec.structs.replace(rows["eve"], wrapped=rows["ann"].wrapped), above.keys)
    await scene.close()


async def test_a_shredded_subject_is_gone_here_at_once_and_elsewhere_within_the_ttl() -> None:
    scene = Scene()
    record = scene.make.record("x")
    other = scene.make.record("y", scene.make.scope("bob"))
    await scene.sealed.put([record, other])
    elsewhere = scene.another_ring()
    reading = scene.over(elsewhere)
    reach = Reach.only(record.scope)
    assert (await reading.get(reach, [record.id]))[0] is not None
    prints = await scene.ring.shred(scene.make.tenant, "ann")
    assert len(prints) == 1 and await scene.ring.shred(scene.make.tenant, "ann") == prints
    assert await scene.ring.destroyed(scene.make.tenant, "ann") == prints
    assert await scene.get(record) is None and await scene.get(other) == other
    assert (scene.make.tenant, "ann") in scene.forgotten
    assert (await reading.get(reach, [record.id]))[0] is not None, "it has opened the key, and has not looked yet"
    revision = await elsewhere.revision(scene.make.tenant)
    scene.seconds += 11
    assert await reading.get(reach, [record.id]) == [None]
    assert await elsewhere.revision(scene.make.tenant) != revision
    assert await scanned(reading, reach) == []
    again = scene.make.record("comes back")
    await scene.sealed.put([again])
    assert await scene.get(again) == again
    await scene.close()
    await elsewhere.close()


async def test_another_worker_notices_a_shred_without_being_asked() -> None:
    scene = Scene()
    elsewhere = scene.another_ring()
    elsewhere.ttl = 0.05
    await elsewhere.sealer("t", "ann")
    await scene.ring.shred("t", "ann")
    scene.forgotten.clear()
    scene.seconds += 1
    for _ in range(100):
        if scene.forgotten:
            break
        await asyncio.sleep(0.02)
    assert scene.forgotten == [("t", None)]
    await elsewhere.close()
    await scene.close()


async def test_nothing_is_opened_while_the_store_of_keys_cannot_say_that_it_may_be() -> None:
    scene = Scene()
    record = scene.make.record("x")
    await scene.sealed.put([record])
    scene.store.mood = "away"
    assert await scene.get(record) == record
    scene.seconds += 11
    with pytest.raises(Unavailable):
        await scene.get(record)
    scene.store.mood = "well"
    assert await scene.get(record) == record
    await scene.close()


async def test_only_so_many_subjects_stay_open() -> None:
    scene = Scene()
    scene.ring._most = 3  # pyright: ignore[reportPrivateUsage]
    for number in range(10):
        await scene.ring.sealer("t", f"user {number}")
    assert len(scene.ring._subjects) == 3  # pyright: ignore[reportPrivateUsage]
    await scene.close()


async def test_each_rotation_leaves_everything_readable_and_retiring_too_early_is_refused_with_the_count() -> None:

    scene = Scene()
    records = scene.make.records(30, metadata={"note": "n"})
    await scene.sealed.put(records)
    tenant, ring = scene.make.tenant, scene.ring
    keepers = {"inner": scene.inner.provider}
    kinds = frozenset({Kind.MEMORY})
    lot = Lot(tenant=tenant, space="default", kinds=kinds, keepers=keepers, wrapping=scene.wrapping, cached=0.0)

    async def reads() -> None:
        for each in (scene.sealed, scene.over(fresh := scene.another_ring())):
            found = await each.get(Reach.only(records[0].scope), [record.id for record in records])
            assert [record.text for record in found if record is not None] == [record.text for record in records]
        await fresh.close()

    old = (await ring.sealer(tenant, "ann")).current
    assert await rekeying.rotate_subject(ring, tenant, "ann") != old
    await reads()
    ended, needed = await rekeying.retire(ring, [lot], tenant, 0)
    assert not ended and needed == {old: 30}
    done = await rekeying.rewrap(lot, lambda _read, _sealed: None)
    assert (done.read, done.sealed) == (30, 30)
    assert (await rekeying.rewrap(lot, lambda _read, _sealed: None)).sealed == 0
    await reads()
    assert await rekeying.rotate_tenant(ring, tenant) == 2
    await reads()
    ended, needed = await rekeying.retire(ring, [lot], tenant, 0)
    assert len(ended) == 2 and not needed
    await reads()
    assert {key for (_, key) in await rekeying.in_use(lot)} == {(await ring.sealer(tenant, "ann")).current}
    new_root = LocalRoot(os.urandom(32), os.urandom)
    both = scene.another_ring(new_root, scene.root)
    assert await rekeying.rotate_root(both) == 1 and await rekeying.rotate_root(both) == 0
    assert await rekeying.roots_in_use(both) == {new_root.id: 1}
    only_new = scene.another_ring(new_root)
    assert (await scene.over(only_new).get(Reach.only(records[0].scope), [records[0].id]))[0] is not None
    for each in (both, only_new, ring):
        await each.close()


async def test_a_root_comes_from_the_environment_a_file_or_a_command(tmp_path: Path) -> None:
    key = os.urandom(32)
    (tmp_path / "root.key").write_bytes(key)
    script = tmp_path / "print-key"
    script.write_text(f"#!{sys.executable}\nprint('{key.hex()}')\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    sources = [
        RootSource(type="env", name="ROOT"), RootSource(type="file", path="root.key"),
        RootSource(type="command", run=(str(script),)),
    ]  # fmt: skip

    roots = [await open_root(each, tmp_path, os.urandom, {"ROOT": b64encode(key).decode()}) for each in sources]
    assert len({root.id for root in roots}) == 1
    wrapped = await roots[0].wrap(b"k" * 32, b"here")
    assert await roots[2].unwrap(wrapped, b"here") == b"k" * 32
    with pytest.raises(Tampered):
        await roots[1].unwrap(wrapped, b"there")


@pytest.mark.parametrize(
    "source",
    [
        RootSource(type="env", name="NOT_SET"), RootSource(type="env", name="SHORT"),
        RootSource(type="file", path="missing"), RootSource(type="command", run=("/bin/false",)),
        RootSource(type="command", run=("no-such-program",)), RootSource(type="command", run=("/bin/echo", "short")),
    ],
    ids=lambda each: f"{each.type} {each.name or each.path or each.run}",
)  # fmt: skip
async def test_a_root_that_is_missing_or_too_short_is_refused_without_being_told(
    source: RootSource, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured) as error:
        await open_root(source, tmp_path, os.urandom, {"SHORT": "c2hvcnQ="})
    assert "c2hvcnQ" not in error.value.detail


def test_keys_are_read_raw_in_base64_and_in_hex() -> None:
    key = bytes(range(32))
    for text in (key, key.hex().encode(), b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"):
        assert read_key(text, "here") == key
