"""The stand-in has grown from Zep's client: its paths, methods and fields are those that the client sends."""

import re
from pathlib import Path

import pytest
import zep_cloud
from zep_cloud import types

from tests.servers.zep.answers import held_to
from tests.servers.zep.app import ROUTES
from tests.servers.zep.asked import Route


def sent() -> dict[tuple[str, str], set[str]]:
    """Method and path of every operation of the client, and the fields of its body."""
    found: dict[tuple[str, str], set[str]] = {}
    for file in Path(zep_cloud.__file__).parent.rglob("raw_client.py"):
        for call in re.finditer(
            r'request\(\s*f?"([^"]+)",\s*method="(\w+)",(.*?)\n        \)\n', file.read_text(), re.DOTALL
        ):
            path = re.sub(r"\{encode_path_param\((\w+)\)\}", r"{\1}", call[1])
            body = re.search(r"json=\{(.*)\n            \}", call[3], re.DOTALL)
            found[call[2], path] = set(re.findall(r'^ {16}"(\w+)":', body[1], re.MULTILINE)) if body else set()
    return found


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_one_of_the_client_with_fields_of_the_client(route: Route) -> None:
    client = sent()
    assert (route.method, route.path) in client
    unknown = set(route.keys) - client[route.method, route.path]
    assert not unknown


def test_an_answer_that_the_client_has_no_field_for_is_not_sent() -> None:
    held_to(types.EpisodePage, {"items": [{"uuid": "1"}]})
    with pytest.raises(ValueError, match="has no"):
        held_to(types.EpisodePage, {"items": [{"uuid": "1", "episode_id": "1"}]})
