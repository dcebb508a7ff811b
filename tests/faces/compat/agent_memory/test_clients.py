"""The agent-memory client, unmodified: every public method that calls its server, on SQLite and on Redis."""

import pytest

from tests.faces.compat.agent_memory.cases import AGENT_MEMORY
from tests.faces.compat.agent_memory.world import World
from tests.faces.compat.place import BACKENDS, Place
from tests.faces.compat.proofs import Proof

pytestmark = [
    pytest.mark.xdist_group("compat-clients"),  # they share a gateway
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the client's, of its own methods
]


@pytest.mark.parametrize("proof", AGENT_MEMORY.rows(), ids=lambda proof: proof.method)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_method_of_the_client_does_what_the_matrix_says(
    compat_place: Place, backend: str, proof: Proof
) -> None:
    world = World(compat_place, backend)
    try:
        await proof.run(world)
    finally:
        await world.close()
