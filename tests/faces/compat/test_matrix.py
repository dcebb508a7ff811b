"""The published matrix of clients says what the suite runs, no more and no less."""

import pytest

from tests.faces.compat.clients import CLIENTS
from tests.faces.compat.matrix import PAGE, PLACES, written
from tests.faces.compat.proofs import Client


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.dialect)
def test_every_public_method_of_a_client_has_a_case(client: Client) -> None:
    assert client.unproven() == set()


def test_the_pages_hold_what_the_cases_say() -> None:
    assert written(PAGE) is not None
    for path in PLACES:
        found = written(path)
        assert found is None or found[0] == found[1], "write it anew: python -m tests.faces.compat.matrix --write"
