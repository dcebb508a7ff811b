"""What is sealed anew while others delete it and erase whose it is: nothing of it comes back, in any keeper."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.domain.ports import Kit, Provider
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.sqlite import Sqlite
from gateway.runtime.locksmith import Lot
from gateway.services import rekeying
from gateway.testing.making import everything, scanned
from tests.sealing.scene import Scene


class Interrupted:
    """A keeper in which somebody deletes the first half of what is being replaced, in the last moment before it is."""

    def __init__(self, inner: Any, others: Sequence[Provider] = ()) -> None:
        self.inner = inner
        self.others = others
        self.deleted: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        return getattr(self.inner, verb)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        await self._delete(records)
        stored: Sequence[bool] = await self.inner.put(records)
        return stored

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        await self._delete(records)
        stored: Sequence[bool] = await self.inner.replace(records, beside)
        return stored

    async def _delete(self, records: Sequence[Record]) -> None:
        if self.deleted or not records:
            return
        self.deleted = [each.id for each in records[: len(records) // 2]]
        for each in (self.inner, *self.others):
            await each.delete(Reach.only(records[0].scope), self.deleted)


@pytest.mark.parametrize("replacing", [True, False], ids=["replaced", "put"])
async def test_a_record_that_is_deleted_while_it_is_sealed_anew_does_not_come_back(
    replacing: bool, tmp_path: Path
) -> None:
    """Without `replace`, in the same moment, the records come back: the protection is what keeps them away."""
    scene = Scene()
    async with AsyncExitStack() as stack:
        main = Sqlite(Sqlite.Options(path="main.db"), Kit(name="main", clock=scene.clock, home=tmp_path))
        await main.open(stack)
        mirror = scene.inner.memory
        keeper = Interrupted(main, [mirror])
        records = scene.make.records(20, metadata={"note": "n"})
        sealed = await scene.wrapping.sealed(records)
        await main.put(sealed)
        await mirror.put(sealed)
        await rekeying.rotate_subject(scene.ring, scene.make.tenant, "ann")
        lot = Lot(
            tenant=scene.make.tenant,
            space="default",
            kinds=frozenset({Kind.MEMORY}),
            keepers={"main": cast("Provider", keeper), "mirror": mirror},
            wrapping=scene.wrapping,
            cached=0.0,
            replacing=frozenset({"main", "mirror"} if replacing else ()),
        )
        await rekeying.rewrap(lot, lambda _read, _sealed: None)
        assert len(keeper.deleted) == 10
        left = {each.id for each in await scanned(main, everything(scene.make.tenant))}
        copies = {each.id for each in await scanned(mirror, everything(scene.make.tenant))}
        if replacing:
            assert left == copies == {each.id for each in records} - set(keeper.deleted)
            assert not await scene.wrapping.worn(await scanned(main, everything(scene.make.tenant)))
        else:
            assert left & set(keeper.deleted)
    await scene.close()


async def test_deletions_and_rewraps_at_once_never_leave_what_was_deleted(tmp_path: Path) -> None:
    scene = Scene()
    async with AsyncExitStack() as stack:
        main = Sqlite(Sqlite.Options(path="main.db"), Kit(name="main", clock=scene.clock, home=tmp_path))
        await main.open(stack)
        records = scene.make.records(300, metadata={"note": "n"})
        await main.put(await scene.wrapping.sealed(records))
        lot = Lot(
            tenant=scene.make.tenant, space="default", kinds=frozenset({Kind.MEMORY}), keepers={"main": main},
            wrapping=scene.wrapping, cached=0.0, replacing=frozenset({"main"}),
        )  # fmt: skip

        async def rewraps() -> None:
            for _ in range(3):
                await rekeying.rotate_subject(scene.ring, scene.make.tenant, "ann")
                await rekeying.rewrap(lot, lambda _read, _sealed: None)

        async def deletes() -> None:
            for each in records[::2]:
                assert await main.delete(Reach.only(each.scope), [each.id]) == 1
                await asyncio.sleep(0.001)

        await asyncio.gather(rewraps(), deletes())
        left = [each.id for each in await scanned(main, everything(scene.make.tenant))]
        assert sorted(left) == sorted(each.id for each in records[1::2])
    await scene.close()
