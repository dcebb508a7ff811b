"""The network embedder against a small real HTTP server that speaks the embeddings API."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.domain.errors import Invalid, Unavailable
from gateway.domain.ports import Embedder, Kit
from gateway.domain.units import Duration, Secret
from gateway.embedders.openai import OpenAI

KIT = Kit(name="remote", clock=lambda: datetime.now(UTC), home=Path())


def lengths(texts: list[str]) -> list[dict[str, Any]]:
    return [{"index": n, "embedding": [float(len(text)), 1.0, 0.0]} for n, text in enumerate(texts)]


class Server:
    """Answers each call with what `answer(texts, call number)` gives: (status, headers, body)."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.delay = 0.0
        self.answer: Callable[[list[str], int], tuple[int, dict[str, str], Any]] = lambda texts, _: (
            200,
            {},
            {"data": lengths(texts)},
        )
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = {
                    name.lower(): value
                    for name, value in (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                }
                body = json.loads(await reader.readexactly(int(fields["content-length"])))
                assert head.startswith("POST /v1/embeddings ")
                self.calls.append(body)
                self.keys.append(fields.get("authorization", ""))
                await asyncio.sleep(self.delay)
                status, headers, answer = self.answer(body["input"], len(self.calls))
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                lines = [f"HTTP/1.1 {status} x", f"content-length: {len(raw)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone
        finally:
            writer.close()


@asynccontextmanager
async def pair(**options: Any) -> AsyncGenerator[tuple[Server, OpenAI]]:
    async with Server().running() as server, AsyncExitStack() as stack:
        chosen: dict[str, Any] = {"model": "m", "dimension": 3, "url": server.url, "retries": 0, **options}
        embedder = OpenAI(OpenAI.Options(**chosen), KIT, jitter=lambda: 0.0)
        await embedder.open(stack)
        yield server, embedder


def numbers(vector: bytes) -> list[float]:
    return np.frombuffer(vector, "<f4").tolist()


async def test_vectors_are_of_unit_length_and_in_order() -> None:
    async with pair(api_key=Secret("k")) as (server, embedder):
        assert isinstance(embedder, Embedder)
        found = await embedder.embed(["abc", "", "a"])
        assert numbers(found[0]) == pytest.approx([3 / 10**0.5, 1 / 10**0.5, 0])
        assert found[1] == bytes(12)
        assert numbers(found[2]) == pytest.approx([0.5**0.5, 0.5**0.5, 0])
        assert server.calls == [{"model": "m", "input": ["abc", "a"]}]
        assert server.keys == ["Bearer k"]


async def test_answers_out_of_order_go_to_their_texts() -> None:
    async with pair() as (server, embedder):
        server.answer = lambda texts, _: (200, {}, {"data": lengths(texts)[::-1]})
        one, two = await embedder.embed(["a", "bbbb"])
        assert numbers(one)[0] < numbers(two)[0]


async def test_what_comes_in_during_a_call_shares_the_next_one() -> None:
    async with pair(calls=1) as (server, embedder):
        server.delay = 0.02
        found = await asyncio.gather(*(embedder.embed(["x" * (n + 1)]) for n in range(40)))
        assert len(server.calls) <= 3
        assert all(numbers(v[0])[0] == pytest.approx((n + 1) / ((n + 1) ** 2 + 1) ** 0.5) for n, v in enumerate(found))


async def test_no_call_is_larger_than_the_batch_limit() -> None:
    async with pair(batch=7, calls=2) as (server, embedder):
        texts = ["x" * (n + 1) for n in range(40)]
        alone, *_ = await asyncio.gather(embedder.embed(texts), *(embedder.embed(["yy", str(n)]) for n in range(9)))
        assert max(len(call["input"]) for call in server.calls) <= 7
        assert len(alone) == 40
        assert sorted(alone, key=lambda v: numbers(v)[0]) == alone


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_passing_failure_is_tried_again(status: int) -> None:
    async with pair(retries=2) as (server, embedder):
        server.answer = lambda texts, call: (status if call < 3 else 200, {}, {"data": lengths(texts)})
        assert len(await embedder.embed(["a"])) == 1
        assert len(server.calls) == 3


@pytest.mark.parametrize("status", [429, 502])
async def test_a_lasting_failure_is_unavailable_after_the_last_try(status: int) -> None:
    async with pair(retries=1) as (server, embedder):
        server.answer = lambda _, __: (status, {}, {"error": "secret detail"})
        with pytest.raises(Unavailable) as caught:
            await embedder.embed(["a"])
        assert len(server.calls) == 2
        assert "secret" not in caught.value.detail


async def test_retry_after_is_waited_for() -> None:
    async with pair(retries=1) as (server, embedder):
        server.answer = lambda texts, call: (200 if call > 1 else 429, {"retry-after": "0.3"}, {"data": lengths(texts)})
        started = asyncio.get_running_loop().time()
        await embedder.embed(["a"])
        assert asyncio.get_running_loop().time() - started >= 0.3


async def test_silence_and_absence_are_unavailable() -> None:
    async with pair(timeout=Duration("50ms")) as (server, embedder):
        server.delay = 1.0
        with pytest.raises(Unavailable, match="in time"):
            await embedder.embed(["a"])
    async with pair(url="http://127.0.0.1:9/v1") as (_, embedder):
        with pytest.raises(Unavailable, match="reached"):
            await embedder.embed(["a"])


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 5, "embedding": [1.0, 2.0, 3.0]}]},
        {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}] * 2},
        {"data": [{"index": 0, "embedding": [1e309, 2.0, 3.0]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
    ],
    ids=["not json", "empty", "wrong dimension", "wrong index", "twice", "not finite", "not numbers"],
)
async def test_a_wrong_answer_is_unavailable_and_not_tried_again(body: Any) -> None:
    async with pair(retries=2) as (server, embedder):
        server.answer = lambda _, __: (200, {}, body)
        with pytest.raises(Unavailable) as caught:
            await embedder.embed(["a"])
        assert caught.value.code == "embedder_broken"
        assert len(server.calls) == 1


async def test_a_refused_key_is_unavailable_at_once() -> None:
    async with pair(retries=2) as (server, embedder):
        server.answer = lambda _, __: (401, {}, {})
        with pytest.raises(Unavailable) as caught:
            await embedder.embed(["a"])
        assert (caught.value.code, len(server.calls)) == ("embedder_refused", 1)


async def test_a_refused_text_harms_only_the_request_that_brought_it() -> None:
    async with pair(calls=1) as (server, embedder):
        server.answer = lambda texts, _: (400 if "bad" in texts else 200, {}, {"data": lengths(texts)})
        found = await asyncio.gather(
            *(embedder.embed([text]) for text in ("a", "bad", "c", "d")), return_exceptions=True
        )
        assert [isinstance(each, Invalid) for each in found] == [False, True, False, False]
        assert [type(each) for each in (found[0], found[2], found[3])] == [list, list, list]


async def test_a_cancelled_request_harms_no_other() -> None:
    async with pair(calls=1) as (server, embedder):
        server.delay = 0.02
        tasks = [asyncio.create_task(embedder.embed([text])) for text in ("a", "b", "c")]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[1], asyncio.CancelledError)
        assert len(found[0]) == len(found[2]) == 1  # type: ignore[arg-type]


async def test_closing_fails_what_still_waits() -> None:
    async with Server().running() as server:
        server.delay = 5
        async with AsyncExitStack() as stack:
            embedder = OpenAI(OpenAI.Options(model="m", dimension=3, url=server.url, calls=1, batch=1), KIT)
            await embedder.open(stack)
            waiting = [asyncio.create_task(embedder.embed([text])) for text in "abc"]
            await asyncio.sleep(0.02)
        found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
        assert [type(each) for each in found] == [Unavailable] * 3


async def test_repeated_texts_cost_no_call_and_shortening_is_asked_for() -> None:
    async with pair(shorten=True) as (server, embedder):
        await embedder.embed(["a"])
        await embedder.embed(["a", "a"])
        assert [call["dimensions"] for call in server.calls] == [3]
