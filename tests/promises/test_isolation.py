"""Tenants and users never meet: random requests, every reply looked through for what is somebody else's.

With MEMORY_GATEWAY_ISOLATION=1 a million in process, and 100,000 over HTTP and over each backend.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.chain.fenced import Fenced
from gateway.domain.ports import Provider
from gateway.services import cursors
from tests.gateways import gateway
from tests.promises.careless import Careless
from tests.promises.doors import Inside, Wire
from tests.promises.insides import insides, over
from tests.promises.intruder import Intruder
from tests.promises.sizes import operations
from tests.promises.tenancy import configuration, members

SEED = 20_260
MEMORY = "type: memory"
SQLITE = "type: sqlite, path: isolation.db"


def summed_up(intruder: Intruder, tenants: int, where: str) -> str:
    return f"{len(intruder.crossings)} crossings in {intruder.done.total()} operations by {tenants} tenants ({where}, seed {SEED})"


@pytest.mark.parametrize(
    ("provider", "number"),
    [(MEMORY, operations(12_000, 1_000_000)), (SQLITE, operations(4_000))],
    ids=["memory", "sqlite"],
)
async def test_tenants_never_meet(provider: str, number: int, tmp_path: Path, figure: Callable[[str], None]) -> None:
    everyone = members(50, random.Random(SEED))
    async with insides(tmp_path, configuration(everyone, provider)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(number)
    figure(summed_up(intruder, len(everyone), provider.partition(",")[0]))
    assert intruder.crossings == []
    assert intruder.mistakes == []
    assert inside.meters.breaches == {}
    assert intruder.done.total() >= number
    assert min(count for name, count in intruder.done.items() if name.startswith("memory.")) > number // 100


async def test_tenants_never_meet_over_http(tmp_path: Path, figure: Callable[[str], None]) -> None:
    everyone = members(10, random.Random(SEED))
    async with gateway(tmp_path, configuration(everyone, SQLITE)) as served:
        intruder = Intruder(Wire(served.http), everyone, SEED)
        await intruder.run(operations(1_000))
    figure(summed_up(intruder, len(everyone), "over HTTP, type: sqlite"))
    assert intruder.crossings == []
    assert intruder.mistakes == []


async def test_without_the_fence_a_careless_backend_is_found_out_and_with_it_is_harmless(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    everyone = members(5, random.Random(SEED))
    names = [each.name for each in everyone]
    breaches: list[int] = []
    found: dict[str, Intruder] = {}
    for name in ("bare", "fenced"):

        def wrap(provider: Provider, fenced: bool = name == "fenced") -> Provider:
            assert isinstance(provider, Fenced)
            careless = Careless(provider._inner, names)  # pyright: ignore[reportPrivateUsage]  # what the fence is around
            return Fenced(careless, breaches.append) if fenced else careless

        async with insides(tmp_path, configuration(everyone, MEMORY)) as inside:
            found[name] = Intruder(Inside(over(inside.snapshot, wrap)), everyone, SEED)
            await found[name].run(800)
    figure(f"counter-test: a backend that ignores reaches: {len(found['bare'].crossings)} crossings without the fence, "
           f"{len(found['fenced'].crossings)} with it, {sum(breaches)} rows stopped")  # fmt: skip
    assert len(found["bare"].crossings) > 100
    assert found["fenced"].crossings == []
    assert found["fenced"].mistakes == []
    assert sum(breaches) > 100


async def test_cursors_that_are_not_sealed_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def same_for_all(*_question: object) -> bytes:
        return b"\0" * 16

    monkeypatch.setattr(cursors, "_tag", same_for_all)
    everyone = members(5, random.Random(SEED))
    async with insides(tmp_path, configuration(everyone, MEMORY)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(2_000)
    assert any("used a cursor made for" in each for each in intruder.crossings)
    assert not any("read a word" in each for each in intruder.crossings)  # the reach still holds
