"""What may be set, and what is said where it cannot be."""

from pathlib import Path

import msgspec
import pytest

from gateway.domain.record import Kind
from gateway.providers.zep import Zep
from gateway.providers.zep.options import CLOUD


def read(**written: object) -> object:
    return msgspec.convert({"api_key": "k"} | written, Zep.Options, dec_hook=lambda kind, text: kind(text))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"base_url": "zep.internal"}, "http or https"),
        ({"base_url": "https://u:p@zep.internal/api/v4"}, "no credentials"),
        ({"base_url": "https://zep.internal/api/v4?key=1"}, "no credentials"),
        ({"api_key": " "}, "is empty"),
        ({"prefix": "A b"}, "pattern|match"),
        ({"scope": "all"}, "enum"),
        ({"chunk_characters": 20_000}, "9000"),
        ({"url": "http://x"}, "unknown field"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_words(written: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        read(**written)


def test_a_key_is_enough_and_is_never_shown() -> None:
    options = msgspec.convert({"api_key": "k-secret"}, Zep.Options, dec_hook=lambda kind, text: kind(text))
    assert options.base_url == CLOUD
    assert "k-secret" not in repr(options)


def test_it_keeps_memories_and_messages_and_no_checkpoints() -> None:
    kinds = Zep.capabilities(read()).kinds
    assert {Kind.MEMORY, Kind.HISTORY, Kind.MESSAGE, Kind.SESSION, Kind.SYSTEM, Kind.SUMMARY, Kind.QUARANTINE} == kinds


def test_no_module_of_it_needs_the_driver_before_it_is_opened() -> None:
    folder = Path(__file__).parents[3] / "gateway/providers/zep"
    for path in folder.glob("*.py"):
        for line in path.read_text().splitlines():
            assert not line.startswith(("import httpx", "from httpx", "import zep_cloud", "from zep_cloud")), path
