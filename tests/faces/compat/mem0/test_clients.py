"""mem0's own clients, unmodified: every public method, blocking and awaiting, on SQLite and on Redis."""

import pytest

from tests.faces.compat.mem0.cases import MEM0
from tests.faces.compat.mem0.world import BACKENDS, KINDS, Kind, Side, World
from tests.faces.compat.proofs import Proof

pytestmark = pytest.mark.xdist_group("mem0-clients")  # they share a gateway


@pytest.mark.parametrize("proof", MEM0.rows(), ids=lambda proof: proof.method)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_method_of_the_client_does_what_the_matrix_says(
    mem0_side: Side, backend: str, kind: Kind, proof: Proof
) -> None:
    await proof.run(World(mem0_side, backend, kind))
