"""Nobody meets anybody in PostgreSQL, whatever their ids are made of, with the second fence and without it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promises.doors import Inside
from tests.promises.insides import insides
from tests.promises.intruder import Intruder
from tests.promises.sizes import operations
from tests.promises.tenancy import configuration, members

SEED = 5_432


@pytest.mark.parametrize(("fence", "number"), [("true", operations(1_500)), ("false", operations(700))])
async def test_tenants_never_meet(
    fence: str,
    number: int,
    role: str,
    table: str,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    (tmp_path / "url").write_text(role)
    everyone = members(20, random.Random(SEED))
    provider = f"type: postgres, url: '${{file:{tmp_path / 'url'}}}', table: {table}, row_level_security: {fence}"
    async with insides(tmp_path, configuration(everyone, provider)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(number)
    done = intruder.done.total()
    figure(f"{len(intruder.crossings)} crossings in {done} operations by 20 tenants (postgres, fence {fence})")
    assert intruder.crossings == []
    assert intruder.mistakes == []
    assert inside.meters.breaches == {}
    assert done >= number
