"""The keys of the provider in YAML: what they do, and what is said of those that cannot be."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.domain.units import Secret
from gateway.providers.redis import Redis


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "http://x"}, "must start with redis://"),
        ({"url": "redis://:hunter2@x:99999/0"}, "port that is no number"),
        ({"url": "redis://x/0?socket_timeout=900"}, "'socket_timeout'"),
        ({"url": "redis://x?retry_on_timeout=yes"}, "'retry_on_timeout'"),
        ({"url": "redis://x", "ttl_seconds": 60, "ttl_hours": 1}, "keep one of them"),
        ({"url": "redis://x", "ttl_seconds": 0}, "ttl_seconds"),
        ({"url": "unix:///run/redis", "cluster": True}, "a unix:// socket leads to one server"),
        ({"url": "redis://x", "prefix": "a{b}"}, "must not hold { or }"),
        ({"url": "redis://x", "timeout": "0s"}, "longer than nothing"),
        ({"url": "redis://x", "max_messages": 0}, "max_messages"),
        ({"url": "redis://x", "tll_seconds": 60}, "tll_seconds"),
    ],
)
def test_what_cannot_be_is_refused_in_words_without_the_password(given: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(given, Redis.Options, dec_hook=lambda kind, text: kind(text))
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://:p@h:1/3", "rediss://u:p@h?ssl_cert_reqs=none", "unix:///run/r?db=2"])
def test_addresses_of_all_three_kinds_are_taken(url: str) -> None:
    options = msgspec.convert({"url": url}, Redis.Options, dec_hook=lambda kind, text: kind(text))
    assert options.url.reveal() == url
    assert url not in repr(options)


def test_the_yaml_of_the_documents_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/backends/redis.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "gateway.yaml").write_text(block)
    compiled = compile_config(tmp_path / "gateway.yaml", {"REDIS_URL": "redis://h"}, Catalog.builtin())
    assert [note.line() for note in compiled.diagnostics if note.severity is Severity.ERROR] == []
    assert compiled.config is not None


def test_hours_are_seconds_and_nothing_is_no_end() -> None:
    def ttl(**given: float) -> float | None:
        found = msgspec.convert({"url": "redis://x", **given}, Redis.Options, dec_hook=lambda kind, text: kind(text))
        return found.ttl

    assert (ttl(ttl_hours=24), ttl(ttl_seconds=3600), ttl()) == (86_400, 3600, None)


def test_it_says_that_it_ranks_nothing_itself() -> None:
    declared = Redis.capabilities(Redis.Options(url=Secret("redis://127.0.0.1")))
    assert not (declared.nearest or declared.matching or declared.relevant)
    assert declared.durable and declared.shared


def test_the_catalog_knows_it_and_what_it_needs() -> None:
    assert Catalog.builtin().providers["redis"] is Redis
    assert Redis.requires == {"redis": "redis", "hiredis": "redis"}
    assert Redis.schemes["redis"] == Redis.schemes["rediss"] == "url"
