"""What a move brings to the other side: everything of the tenant as it is, in its newest version, and nothing else."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Misconfigured, TooLarge, Unavailable
from gateway.domain.ports import Provider, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.services.moving import copying, paging
from gateway.services.moving.comparing import Sort, compared
from gateway.services.moving.copying import Step, copied
from gateway.services.moving.moving import Moved, Mover, held
from gateway.services.moving.standing import Log, Standing
from gateway.services.moving.way import Vectors, Way, whole
from gateway.testing.making import Maker, Time, everything
from gateway.testing.making import scanned as scanned_by
from tests.moving.stores import filled, memory, of_every_kind, plain, real, sqlite, way
from tests.moving.watched import Watched

ALL = Where(frozenset(Kind))


async def scanned(provider: Provider, tenant: str) -> list[Record]:
    return await scanned_by(provider, everything(tenant), ALL, vectors=True)


async def move(used: Way, tenant: str, log: Log | None = None, **how: Any) -> Moved:
    def silent(_tenant: str, _step: Step, _standing: Standing) -> None:
        return

    return await Mover(used, log or Log(None, "a", "b", "p"), real, silent, pause=0).move(tenant, **how)


async def test_everything_goes_from_memory_to_sqlite_and_back_as_it_is(tmp_path: Path, make: Maker) -> None:
    records = of_every_kind(make)
    async with memory() as first, sqlite(tmp_path, "middle.db") as middle, memory() as last:
        await first.put(records)
        assert (await move(way(first, middle), make.tenant, verify=True)).same
        moved = await move(way(middle, last), make.tenant, verify=True)
        assert moved.same and moved.standing.stored == len(records)
        assert sorted(await scanned(last, make.tenant), key=lambda each: each.id) == records


async def test_only_the_tenant_that_was_named_is_moved(tmp_path: Path) -> None:
    async with memory() as old, sqlite(tmp_path, "new.db") as new:
        await old.put([plain(1, "acme"), plain(2, "globex"), plain(3, "acme2")])
        await move(way(old, new), "acme")
        assert [len(await scanned(new, name)) for name in ("acme", "globex", "acme2")] == [1, 0, 0]


async def test_a_move_that_is_repeated_stores_nothing_again() -> None:
    async with memory() as old, memory() as new:
        await old.put([plain(number) for number in range(30)])
        await move(way(old, new), "acme")
        again = await move(way(old, new), "acme", verify=True)
        assert again.standing.stored == 0 and again.same


async def test_what_has_expired_does_not_come_along(make: Maker, clock: Time) -> None:
    async with memory(clock) as old, memory(clock) as new:
        await old.put([make.record("goes", ttl=60), make.record("stays"), make.record("later", ttl=6_000)])
        clock.forward(seconds=61)
        moved = await move(way(old, new), make.tenant, verify=True)
        assert moved.same
        assert {each.text for each in await scanned(new, make.tenant)} == {"stays", "later"}


async def changed(provider: Provider, record: Record) -> Record:
    """The record, changed now."""
    newer = msgspec.structs.replace(record, text="changed", version=record.version + 1, updated_at=real())
    assert list(await provider.put([newer])) == [True]
    return newer


@pytest.mark.parametrize("which", [0, 600, 1_499])
async def test_a_record_changed_during_the_copy_ends_in_its_newest_version(which: int) -> None:
    """Behind the position, in the page that is on its way, ahead of it."""
    records = [plain(number) for number in range(1_500)]
    async with memory() as inner, memory() as new:
        await filled(inner, records)

        async def act(scan: int) -> None:
            if scan == 2:
                await changed(inner, records[which])

        moved = await move(way(Watched(inner, after_scan=act), new), "acme", verify=True)
        assert moved.same
        (found,) = await new.get(whole("acme"), [records[which].id])
        assert found is not None and found.text == "changed"


async def test_without_reading_again_a_change_behind_the_position_would_be_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = [plain(number) for number in range(1_500)]
    async with memory() as inner, memory() as new:
        await filled(inner, records)

        async def act(scan: int) -> None:
            if scan == 2:
                await changed(inner, records[0])

        async def careless(_self: Mover, _tenant: str, standing: Standing) -> Standing:
            return standing

        monkeypatch.setattr(Mover, "_caught_up", careless)
        moved = await move(way(Watched(inner, after_scan=act), new), "acme", verify=True)
        assert [each.sort for each in moved.differences] == [Sort.DIFFERENT]


async def deleted_under_way(careless: bool, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a record that a mirroring gateway deletes while its page is on its way is in the target afterwards."""
    records = [plain(number) for number in range(20)]
    async with memory() as old, memory() as inner:
        await old.put(records)

        async def act(_put: int) -> None:
            for side in (old, inner):  # as a mirror does: the primary first
                await side.delete(whole("acme"), [records[3].id])

        if careless:

            async def never(_way: Way, _tenant: str, _gone: object) -> None:
                return

            monkeypatch.setattr(copying, "_taken_back", never)
        await move(way(old, Watched(inner, before_put=act)), "acme")
        return (await inner.get(whole("acme"), [records[3].id]))[0] is not None


async def test_a_copy_that_is_late_undoes_no_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await deleted_under_way(careless=False, monkeypatch=monkeypatch)


async def test_without_taking_back_a_late_copy_would_undo_a_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await deleted_under_way(careless=True, monkeypatch=monkeypatch)


async def test_kinds_that_the_target_cannot_hold_are_counted_and_left(make: Maker) -> None:
    kinds = frozenset({Kind.MEMORY})
    async with memory() as old, memory() as new:
        await old.put(of_every_kind(make))
        used = way(old, new, kinds=kinds, left=frozenset({Kind.MESSAGE, Kind.RUN, Kind.KEY}))
        moved = await move(used, make.tenant, verify=True)
        assert moved.left == {Kind.MESSAGE: 3, Kind.RUN: 3, Kind.KEY: 3} and moved.same
        assert {each.kind for each in await scanned(new, make.tenant)} == kinds


class Picky(Watched):
    async def put(self, records: Any) -> Any:
        if any(each.text == "too long" for each in records):
            raise TooLarge("not here")
        return await super().put(records)


async def test_a_record_that_the_target_refuses_is_named_and_stops_no_other() -> None:
    async with memory() as old, memory() as inner:
        await old.put([plain(number, text="too long" if number in (7, 60) else "fits") for number in range(100)])
        moved = await move(way(old, Picky(inner)), "acme", verify=True)
        assert moved.standing.refused == (plain(7).id, plain(60).id)
        assert not moved.same and len(await scanned(inner, "acme")) == 98


async def test_a_backend_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging.patiently, "__defaults__", ((0.0, 0.0),))
    failing = {1, 2}

    async def act(put: int) -> None:
        if put in failing:
            raise Unavailable("away")

    async with memory() as old, memory() as inner:
        await old.put([plain(1)])
        await move(way(old, Watched(inner, before_put=act)), "acme")
        assert len(await scanned(inner, "acme")) == 1
        failing |= {4, 5, 6}
        await old.put([plain(2)])
        with pytest.raises(Unavailable):
            await move(way(old, Watched(inner, before_put=lambda put: act(put + 3))), "acme")


async def test_heavy_records_come_in_smaller_pages() -> None:
    heavy = "x" * 200_000
    async with memory() as inner, memory() as new:
        await filled(inner, [plain(number, text=heavy) for number in range(400)])
        old = Watched(inner)
        async for _ in copied(way(old, new), "acme"):
            pass
        light = Watched(new)
        async for _ in copied(way(light, inner), "nobody"):
            pass
    assert [scan.limit for scan in old.scans][:3] == [250, 125, 62]


class Words:
    """An embedder whose vectors tell how long the text was: they can only be its own."""

    type_name = "words"
    Options: type[Any] = object
    dimension = 2

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def open(self, stack: Any) -> None:
        return

    async def embed(self, texts: Any) -> list[bytes]:
        self.texts += texts
        return [self.one(text) for text in texts]

    def one(self, text: str) -> bytes:
        return b"".join(bytes([len(text), part, 0, 63]) for part in range(2))


async def test_vectors_are_made_anew_of_the_texts_for_another_embedder(make: Maker) -> None:
    words, records = Words(), of_every_kind(make)
    async with memory() as old, memory() as new:
        await old.put(records)
        used = way(old, new, vectors=Vectors.MADE, embedder=words)
        assert (await move(used, make.tenant, verify=True)).same
        for record in await scanned(new, make.tenant):
            spoken = record.kind in (Kind.MEMORY, Kind.MESSAGE)
            assert record.vector == (words.one(record.text) if spoken else None)
        one = next(each for each in records if each.kind is Kind.MESSAGE)
        await new.delete(whole(make.tenant), [one.id])
        await new.put([one])  # without its vector
        assert [each.id for each in (await compared(used, make.tenant)).differences] == [one.id]


async def test_vectors_stay_behind_where_the_target_has_no_embedder(make: Maker) -> None:
    async with memory() as old, memory() as new:
        await old.put(of_every_kind(make))
        assert (await move(way(old, new, vectors=Vectors.DROPPED), make.tenant, verify=True)).same
        assert {each.vector for each in await scanned(new, make.tenant)} == {None}


async def test_counting_reads_no_contents(make: Maker) -> None:
    async with memory() as inner:
        old = Watched(inner)
        await inner.put(of_every_kind(make))
        counts = await held(way(old, old), make.tenant, frozenset(Kind))
        assert {kind: each.records for kind, each in counts.items()} == dict.fromkeys(Kind, 3)
        assert not any(scan.bodies or scan.vectors for scan in old.scans)


async def test_rounds_end_when_only_what_is_young_differs() -> None:
    """A writer that never rests keeps one record ahead of the mirror."""
    records = [plain(number) for number in range(50)]
    async with memory() as inner, memory() as new:
        await inner.put(records)
        last = records[0]

        async def act(_scan: int) -> None:
            nonlocal last
            last = await changed(inner, last)

        moved = await move(way(inner, new), "acme")
        old = Watched(inner, after_scan=act)
        moved = await move(way(old, new), "acme", live=True)
        assert moved.differences == () and moved.comparison is not None
        assert [each.text for each in await scanned(new, "acme") if each.id == last.id] == ["changed"]


async def test_rounds_bring_what_was_lost_and_tell_what_is_there_without_reason(tmp_path: Path) -> None:
    records = [plain(number) for number in range(50)]
    log = Log(tmp_path / "state", "a", "b", "p")
    async with memory() as old, memory() as new:
        await old.put(records)
        await move(way(old, new), "acme", log)
        await new.delete(whole("acme"), [records[9].id])
        await new.put([plain(70)])
        moved = await move(way(old, new), "acme", log, live=True)
        assert [(each.sort, each.id) for each in moved.differences] == [(Sort.EXTRA, plain(70).id)]
        assert (await new.get(whole("acme"), [records[9].id]))[0] == records[9]


def test_a_state_of_another_pair_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state"

    def log(*pair: str) -> Log:
        return Log(file, *pair)

    file.write_bytes(msgspec.json.encode(_kept("a", "b", "p")))
    log("a", "b", "p").read()
    for pair, why in [(("a", "c", "p"), "from 'a' to 'b'"), (("a", "b", "q"), "declared differently")]:
        with pytest.raises(Misconfigured, match=why):
            log(*pair).read()
    file.write_text("{}")
    with pytest.raises(Misconfigured, match="not the state"):
        log("a", "b", "p").read()


def _kept(source: str, target: str, pair: str) -> Mapping[str, Any]:
    return {"format": "memory-gateway-migration", "source": source, "target": target, "pair": pair}


async def test_a_new_process_goes_on_after_the_last_page_that_was_noted(tmp_path: Path) -> None:
    file = tmp_path / "state"
    async with memory() as inner, memory() as new:
        await filled(inner, [plain(number) for number in range(3_000)])

        async def act(put: int) -> None:
            if put == 3:
                raise RuntimeError("gone")

        with pytest.raises(RuntimeError):
            await move(way(inner, Watched(new, before_put=act)), "acme", Log(file, "a", "b", "p"))
        log, old = Log(file, "a", "b", "p"), Watched(inner)
        log.read()
        standing = log.of("acme")
        assert standing is not None and standing.read == 750 and not standing.done
        moved = await move(way(old, new), "acme", log, verify=True)
        assert moved.same and moved.standing.read == 3_000
        assert old.scans[0].after is not None and old.scans[0].after.id == plain(749).id


async def test_what_was_written_between_two_runs_is_brought_by_the_second(tmp_path: Path) -> None:
    file = tmp_path / "state"
    async with memory() as old, memory() as new:
        await old.put([plain(number) for number in range(10)])
        await move(way(old, new), "acme", Log(file, "a", "b", "p"))
        backdated = msgspec.structs.replace(plain(3), id="new", updated_at=real() + timedelta(seconds=1))
        await old.put([backdated])
        log = Log(file, "a", "b", "p")
        log.read()
        moved = await move(way(old, new), "acme", log, verify=True)
        assert moved.same and moved.standing.stored == 11
        assert (await new.get(Reach.only(backdated.scope), ["new"]))[0] == backdated
