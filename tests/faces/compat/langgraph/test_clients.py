"""LangGraph's SDK, unmodified: every public method of its store, blocking and awaiting, on SQLite and on Redis."""

import pytest

from tests.faces.compat.langgraph.cases import LANGGRAPH
from tests.faces.compat.langgraph.world import KINDS, Kind, World
from tests.faces.compat.place import BACKENDS, Place
from tests.faces.compat.proofs import Proof

pytestmark = pytest.mark.xdist_group("compat-clients")  # they share a gateway


@pytest.mark.parametrize("proof", LANGGRAPH.rows(), ids=lambda proof: proof.method)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_method_of_the_client_does_what_the_matrix_says(
    compat_place: Place, backend: str, kind: Kind, proof: Proof
) -> None:
    await proof.run(World(compat_place, backend, kind))
