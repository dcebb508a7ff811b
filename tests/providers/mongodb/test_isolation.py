"""Nobody meets anybody in MongoDB, whatever their ids are made of."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.promises.doors import Inside
from tests.promises.insides import insides
from tests.promises.intruder import Intruder
from tests.promises.sizes import operations
from tests.promises.tenancy import configuration, members

SEED = 27_017


async def test_tenants_never_meet(url: str, name: str, tmp_path: Path, figure: Callable[[str], None]) -> None:
    everyone = members(20, random.Random(SEED))
    (tmp_path / "url").write_text(url)
    provider = f"type: mongodb, url: '${{file:url}}', collection: '{name}'"
    async with insides(tmp_path, configuration(everyone, provider)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(operations(2_000))
    figure(
        f"{len(intruder.crossings)} crossings in {intruder.done.total()} operations by 20 tenants (mongodb, seed {SEED})"
    )
    assert intruder.crossings == []
    assert intruder.mistakes == []
    assert inside.meters.breaches == {}
    assert intruder.done.total() >= operations(2_000)
