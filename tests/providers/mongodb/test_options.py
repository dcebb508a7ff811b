"""The options: what they stand for without being said, what is refused, and that a URL's password is never told."""

import time
from contextlib import AsyncExitStack
from typing import Any, Literal

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Nearest
from gateway.domain.units import Secret
from gateway.providers.mongodb import Mongodb, MongodbOptions
from gateway.providers.mongodb.connecting import connected
from gateway.testing.making import Maker, Time, one
from tests.providers.mongodb.conftest import Opened, built
from tests.servers import free_port


def test_a_url_is_all_that_is_needed() -> None:
    options = MongodbOptions(url=Secret("mongodb://h"))
    assert (options.database, options.collection, options.driver) == (None, "records", "pymongo")
    assert (options.connect_timeout.seconds, options.timeout.seconds, options.pool_size) == (2, 10, 32)
    assert options.vector_search is None
    assert Mongodb.schemes == {"mongodb": "url", "mongodb+srv": "url"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"timeout": "1ms"}, "`timeout` must be"), ({"connect_timeout": "1h"}, "`connect_timeout` must be"),
        ({"database": "a.b"}, "matching regex"), ({"collection": "system.users"}, "matching regex"), ({"collection": "$x"}, "matching regex"),
        ({"driver": "mgo"}, "driver"), ({"pool_size": 0}, "pool_size"), ({"vector_search": {}}, "index"),
        ({"vector_search": {"index": "v", "candidates": 1}}, "candidates"), ({"ttl": 1}, "ttl"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_options_are_refused_by_their_names(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        built({"url": "mongodb://h", **wrong}, Time())


@pytest.mark.parametrize("search", [None, {"index": "v"}])
def test_nearest_is_there_only_where_the_options_say_so(search: dict[str, Any] | None) -> None:
    written = {"url": "mongodb://h", "vector_search": search}
    options = msgspec.convert(written, MongodbOptions, dec_hook=lambda kind, text: kind(text))
    assert isinstance(built(written, Time()), Nearest) is (search is not None)
    assert Mongodb.capabilities(options).nearest is (search is not None)


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
@pytest.mark.parametrize("url", ["127.0.0.1:1", "mongodb://ann:hunter2@[bad", "mongodb://u:hunter2@h:99999"])
async def test_a_url_that_cannot_be_read_is_told_without_its_words(url: str, driver: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable) as caught:
            await built({"url": url, "driver": driver}, Time()).open(stack)
    assert caught.value.code == "mongodb_url"
    assert "hunter2" not in caught.value.detail
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_a_server_that_is_not_there_is_told_in_time_and_without_credentials(driver: str) -> None:
    options = {
        "url": f"mongodb://ann:hunter2@127.0.0.1:{free_port()}", "connect_timeout": "300ms", "driver": driver,
    }  # fmt: skip
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable) as caught:
            await built(options, Time()).open(stack)
    assert time.monotonic() - started < 3
    assert caught.value.code == "mongodb_unreachable"
    assert caught.value.detail == "main: the server cannot be reached"


async def test_a_provider_that_is_not_open_says_so() -> None:
    provider = built({"url": "mongodb://h"}, Time())
    with pytest.raises(Unavailable, match="main is not open"):
        await provider.ping()


async def test_the_database_is_the_option_or_the_urls_or_ours(
    opened: Opened, make: Maker, name: str, url: str, raw: Any
) -> None:
    named = url.replace("/?", "/from_url?")
    for database, options in (
        ("memory_gateway", {}), ("from_url", {"url": named}), ("own", {"url": named, "database": "own"}),
    ):  # fmt: skip
        record = make.record()
        async with opened(**options) as provider:
            await provider.put([record])
            assert await one(provider, record) == record
        assert await raw.client[database][name].count_documents({"id": record.id}) == 1


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_the_urls_own_wishes_never_weaken_what_is_promised(driver: Literal["pymongo", "motor"], url: str) -> None:
    """Acknowledged means journalled by a majority; reads are of the primary; nothing is sent twice by the driver."""
    weak = f"{url}&w=0&journal=false&retryWrites=true&retryReads=true&readPreference=secondary"
    async with AsyncExitStack() as stack:
        collection = await connected(MongodbOptions(url=Secret(weak), driver=driver), "main", stack)
        written = collection.write_concern.document
        assert (written["w"], written["j"]) == ("majority", True)
        assert collection.read_preference.name == "Primary"
        options = collection.database.client.options
        assert not options.retry_writes and not options.retry_reads
