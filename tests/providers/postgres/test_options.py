"""Options that contradict each other are refused in words; whatever goes wrong says nothing of the URL."""

from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.providers.postgres import Postgres
from tests.providers.postgres.conftest import Opened
from tests.servers import free_port

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"url": "mysql://x/y"}, "postgresql://"),
    ({"vectors": True, "vector_enabled": False}, "different things"),
    ({"hnsw": True, "vectors": False}, "hnsw"),
    ({"hnsw": True, "vector_enabled": False}, "hnsw"),
    ({"min_pool_size": 5, "pool_size": 2}, "min_pool_size"),
    ({"pool_size": 0}, "pool_size"),
    ({"timeout": "0s"}, "timeout"),
    ({"table": "a", "adopt": {"table": "public.a", "tenant": "t", "space": "default"}}, "another table"),
    ({"table": 'x"; DROP TABLE users; --'}, "table"),
    ({"table": "a.b.c"}, "table"),
    ({"table": "x" * 41}, "table"),
    ({"adopt": {"table": "m; DROP TABLE m", "tenant": "t", "space": "default"}}, "adopt.table"),
)


def read(**options: Any) -> Any:
    given = {"url": "postgresql://u:secret@h/d", **options}
    return msgspec.convert(given, Postgres.Options, dec_hook=lambda kind, text: kind(text))


@pytest.mark.parametrize(("options", "said"), WRONG, ids=str)
def test_wrong_options_are_refused_in_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said) as refused:
        read(**options)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        ({}, True), ({"vectors": True}, True), ({"vectors": False}, False), ({"vector_enabled": True}, True),
        ({"vector_enabled": False}, False), ({"vectors": False, "vector_enabled": False}, False),
    ],
    ids=str,
)  # fmt: skip
def test_vectors_and_its_other_name_say_what_is_searched_here(options: dict[str, Any], nearest: bool) -> None:
    assert Postgres.capabilities(read(**options)).nearest is nearest


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://annika:hunter2@127.0.0.1:{port}/d", "postgres://annika:hunter2@127.0.0.1:port/d",
        "postgresql://annika:hunter2@127.0.0.1:{port}/d?sslmode=nonsense",
    ],
)  # fmt: skip
async def test_a_server_that_cannot_be_reached_is_said_without_its_address(url: str, opened: Opened) -> None:
    with pytest.raises(Unavailable) as refused:
        async with opened(url=url.format(port=free_port()), connect_timeout="1s"):
            pass
    said = repr(refused.value) + refused.value.detail
    assert not [word for word in ("hunter2", "annika", "127.0.0.1") if word in said]


async def test_a_wrong_role_or_database_is_said_in_words(opened: Opened, url: str) -> None:
    authority = url.partition("@")[2]
    with pytest.raises(Unavailable, match="refuses the user"):
        async with opened(url=f"postgresql://nobody_here@{authority}"):
            pass
    with pytest.raises(Unavailable, match="database does not exist"):
        async with opened(url=f"{url.rpartition('/')[0]}/nowhere"):
            pass
