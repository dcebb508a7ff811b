"""Options that cannot be meant are refused, in words; none of them shows a secret."""

from typing import Any

import msgspec
import pytest

from gateway.domain.units import Secret
from gateway.providers.qdrant import Qdrant, QdrantOptions

URL = "http://qdrant:6333"


def options(**given: Any) -> QdrantOptions:
    return msgspec.convert(given, QdrantOptions, dec_hook=lambda kind, text: kind(text))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "one of the two"),
        ({"url": URL, "path": "data"}, "one of the two"),
        ({"path": "data", "api_key": "k"}, "`api_key` is for a server"),
        ({"path": ":memory:"}, "use `type: memory`"),
        ({"url": "grpc://qdrant:6334"}, "http:// or https://"),
        ({"url": "http://user:hunter2@qdrant:6333"}, "a key goes to `api_key`"),
        ({"url": URL, "collection": "a/b"}, "regex"),
        ({"url": URL, "connections": 0}, ">= 1"),
        ({"url": URL, "prefix": "a"}, "unknown field"),
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused_in_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words) as refused:
        options(**given)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url", [URL, "https://q.example.com", "qdrant:6333", "qdrant://qdrant:6333", "qdrant+https://q"]
)
def test_an_address_may_be_written_in_several_ways(url: str) -> None:
    assert options(url=url).url == Secret(url)


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(options(url=URL, api_key="hunter2"))


def test_a_server_is_shared_and_a_folder_is_one_instance_s_alone() -> None:
    served, embedded = Qdrant.capabilities(options(url=URL)), Qdrant.capabilities(options(path="data/./q"))
    assert (served.shared, served.exclusive) == (True, frozenset())
    assert (embedded.shared, embedded.exclusive) == (False, frozenset({"file:data/q"}))
    assert served.durable and embedded.durable
