"""The local embedder against the library it reads its table from."""

import asyncio
import socket
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.domain.ports import Embedder, Kit
from gateway.embedders.remembered import LONGEST, Remembered
from gateway.embedders.tokens import load_counter
from gateway.embedders.wordllama import WordLlama, folder

KIT = Kit(name="local", clock=lambda: datetime.now(UTC), home=Path())
TEXTS = [
    "What did Caroline research?",
    "one",
    " ",
    "emoji 🎉 and 寿司, naïve café",
    "x" * 300,
    "a longer text about nothing in particular, " * 200,
    "\u202e\ud7ff\ufffd",
]


async def opened(stack: AsyncExitStack, dimension: Any = 256, cache: int = 64) -> WordLlama:
    embedder = WordLlama(WordLlama.Options(dimension=dimension, cache=cache), KIT)
    await embedder.open(stack)
    return embedder


@pytest.mark.parametrize("dimension", [64, 128, 256])
async def test_vectors_are_the_librarys(dimension: int) -> None:
    from wordllama import WordLlama as Library  # pyright: ignore[reportMissingTypeStubs]

    library: Any = Library.load(
        cache_dir=folder(), disable_download=True, trunc_dim=None if dimension == 256 else dimension
    )
    async with AsyncExitStack() as stack:
        embedder = await opened(stack, dimension)
        assert isinstance(embedder, Embedder)
        assert embedder.dimension == dimension
        for text, found in zip(TEXTS, await embedder.embed(TEXTS), strict=True):
            wanted = library.embed([text], norm=True)[0]
            assert len(found) == 4 * dimension
            assert np.abs(np.frombuffer(found, "<f4") - wanted).max() < 1e-6


async def test_a_text_without_tokens_gives_zeros() -> None:
    async with AsyncExitStack() as stack:
        embedder = await opened(stack)
        assert await embedder.embed(["", "a"]) == [bytes(1024), (await embedder.embed(["a"]))[0]]
        assert await embedder.embed([]) == []


async def test_opening_and_embedding_touch_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    async with AsyncExitStack() as stack:
        await (await opened(stack)).embed(["quiet"])


async def test_repeated_texts_come_from_memory_and_the_memory_is_bounded() -> None:
    async with AsyncExitStack() as stack:
        embedder = await opened(stack, cache=2)
        first = (await embedder.embed(["a"]))[0]
        assert (await embedder.embed(["a"]))[0] is first
        await embedder.embed(["b", "c"])
        assert (await embedder.embed(["a"]))[0] is not first


def test_what_is_remembered_is_the_lately_used_and_never_a_document() -> None:
    remembered = Remembered(2)
    remembered.keep("a", b"1")
    remembered.keep("b", b"2")
    assert remembered.find("a") == b"1"
    remembered.keep("c", b"3")
    assert [remembered.find(key) for key in "abc"] == [b"1", None, b"3"]
    remembered.keep("x" * (LONGEST + 1), b"4")
    assert remembered.find("x" * (LONGEST + 1)) is None


async def test_long_texts_leave_the_loop_free() -> None:
    async with AsyncExitStack() as stack:
        embedder = await opened(stack)
        worst = 0.0

        async def beat() -> None:
            nonlocal worst
            while True:
                started = time.perf_counter()
                await asyncio.sleep(0.001)
                worst = max(worst, time.perf_counter() - started)

        beating = asyncio.create_task(beat())
        started = time.perf_counter()
        await embedder.embed(["some words that go on " * 40_000])
        spent = time.perf_counter() - started
        beating.cancel()
        assert spent > 0.05
        assert worst < spent / 2


def test_counting_tokens_needs_no_network_and_stays_cheap_for_long_texts() -> None:
    count = load_counter()
    assert count("") == 0
    assert 2 <= count("hello world") <= 4
    assert count("寿司") >= 1
    text = "the quick brown fox " * 5_000
    started = time.perf_counter()
    estimate = count(text)
    assert time.perf_counter() - started < 0.1
    assert estimate == pytest.approx(5 * count("the quick brown fox " * 1_000), rel=0.02)
