"""Any server that speaks OpenAI's embeddings API. Texts leave this machine: configure it where that is allowed.

Texts of concurrent requests travel together: whatever has come in while a call was under way goes into the next one.
Nothing waits for a timer. Never logs or quotes texts, keys or what the server said.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, cast

import msgspec
import numpy as np
from msgspec import Meta, field

from gateway.domain.errors import GatewayError, Invalid, Unavailable
from gateway.domain.ports import Kit
from gateway.domain.units import Duration, Secret
from gateway.embedders.remembered import Remembered
from gateway.embedders.unit import unit

if TYPE_CHECKING:
    import httpx

__all__ = ["OpenAI"]

_REFUSED: Final = frozenset({400, 413, 422})  # the text's fault, not the server's
_LONGEST_WAIT: Final = 2.0


class OpenAIOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: Annotated[str, Meta(min_length=1, description="As the server calls it.")]
    dimension: Annotated[int, Meta(ge=1, le=8_192, description="Length of the model's vectors.")]
    url: Annotated[str, Meta(pattern=r"^https?://", description="Up to and without `/embeddings`.")] = (
        "https://api.openai.com/v1"
    )
    api_key: Annotated[Secret, Meta(description="Sent as a bearer token.")] | None = None
    shorten: Annotated[bool, Meta(description="Ask the server to cut vectors to `dimension`.")] = False
    timeout: Annotated[Duration, Meta(description="Of one call.")] = field(default_factory=lambda: Duration("10s"))
    retries: Annotated[int, Meta(ge=0, le=5, description="After 429, 5xx, and calls without an answer.")] = 2
    batch: Annotated[int, Meta(ge=1, le=2_048, description="Texts in one call.")] = 256
    calls: Annotated[int, Meta(ge=1, le=64, description="Calls at the same time.")] = 4
    cache: Annotated[int, Meta(ge=0, le=1_000_000, description="How many vectors of short texts to remember.")] = 4_096


class _Item(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Item]


class _Retry(Exception):  # not an error, a reason to go round once more
    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class _Waiting:
    """One request's texts on their way."""

    __slots__ = ("answer", "texts")

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()


class OpenAI:
    """Unavailable when the server is, after some retries; Invalid when it refuses a text.

    A refused text harms only the request that brought it. `jitter` gives numbers in [0, 1).
    """

    type_name: ClassVar[str] = "openai"
    Options: ClassVar[type[OpenAIOptions]] = OpenAIOptions
    requires: ClassVar[dict[str, str]] = {"httpx": "openai"}

    def __init__(self, options: OpenAIOptions, kit: Kit, *, jitter: Callable[[], float] = random.random) -> None:
        self._options = options
        self._jitter = jitter
        self._remembered = Remembered(options.cache)
        self._decoder = msgspec.json.Decoder(_Answer)
        self._client: httpx.AsyncClient | None = None
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()

    @property
    def dimension(self) -> int:
        return self._options.dimension

    async def open(self, stack: AsyncExitStack) -> None:
        """Makes no call: a server that is down delays no start."""
        import httpx

        options = self._options
        headers = {"authorization": f"Bearer {options.api_key.reveal()}"} if options.api_key else {}
        self._client = await stack.enter_async_context(
            httpx.AsyncClient(headers=headers, timeout=options.timeout.seconds)
        )
        workers = [asyncio.create_task(self._work()) for _ in range(options.calls)]
        stack.push_async_callback(self._stop, workers)

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        blank = bytes(4 * self._options.dimension)
        found = [self._remembered.find(text) if text.strip() else blank for text in texts]
        missing = [n for n, vector in enumerate(found) if vector is None]
        for start in range(0, len(missing), self._options.batch):
            part = missing[start : start + self._options.batch]
            waiting = _Waiting([texts[n] for n in part])
            self._queue.put_nowait(waiting)
            for n, vector in zip(part, await waiting.answer, strict=True):
                found[n] = vector
                self._remembered.keep(texts[n], vector)
        return cast("list[bytes]", found)

    async def _work(self) -> None:
        """Serve what waits, as much at a time as one call takes."""
        held: _Waiting | None = None
        while True:
            batch = [held or await self._queue.get()]
            held = None
            room = self._options.batch - len(batch[0].texts)
            while not self._queue.empty():
                following = self._queue.get_nowait()
                if len(following.texts) > room:
                    held = following
                    break
                batch.append(following)
                room -= len(following.texts)
            try:
                await self._serve([each for each in batch if not each.answer.done()])
            except asyncio.CancelledError:
                if held is not None:
                    _fail(held, _closing())
                raise

    async def _serve(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        try:
            vectors = await self._vectors([text for each in batch for text in each.texts])
        except Invalid as refused:
            if len(batch) == 1:
                _fail(batch[0], refused)
            else:
                for each in batch:
                    await self._serve([each])
            return
        except asyncio.CancelledError:
            for each in batch:
                _fail(each, _closing())
            raise
        except Exception as error:  # noqa: BLE001  # the waiting requests raise it
            for each in batch:
                _fail(each, error)
            return
        start = 0
        for each in batch:
            if not each.answer.done():
                each.answer.set_result(vectors[start : start + len(each.texts)])
            start += len(each.texts)

    async def _vectors(self, texts: list[str]) -> list[bytes]:
        for attempt in range(self._options.retries + 1):
            try:
                return self._read(await self._call(texts), len(texts))
            except _Retry as reason:
                if attempt == self._options.retries:
                    raise Unavailable(f"the embedder {reason.reason}", code="embedder_unavailable") from None
                backoff = 0.1 * 2**attempt * (0.5 + self._jitter())
                await asyncio.sleep(min(max(reason.wait, backoff), _LONGEST_WAIT))
        raise AssertionError  # the last attempt returned or raised

    async def _call(self, texts: list[str]) -> bytes:
        import httpx

        if self._client is None:
            raise Unavailable("the embedder is not open", code="embedder_unavailable")
        options = self._options
        body: dict[str, Any] = {"model": options.model, "input": texts}
        if options.shorten:
            body["dimensions"] = options.dimension
        try:
            reply = await self._client.post(f"{options.url.rstrip('/')}/embeddings", json=body)
        except httpx.TimeoutException:
            raise _Retry("did not answer in time") from None
        except httpx.TransportError:
            raise _Retry("cannot be reached") from None
        status = reply.status_code
        if status == 429 or status >= 500:
            raise _Retry(f"answered {status}", _seconds(reply.headers.get("retry-after", "")))
        if status in _REFUSED:
            raise Invalid(f"the embedder refused a text ({status})", code="not_embeddable")
        if status != 200:
            raise Unavailable(f"the embedder answered {status}", code="embedder_refused")
        return reply.content

    def _read(self, body: bytes, count: int) -> list[bytes]:
        try:
            items = self._decoder.decode(body).data
        except msgspec.DecodeError:
            raise _broken("is not the embeddings API's") from None
        vectors: list[bytes | None] = [None] * count
        for place, item in enumerate(items):
            index = place if item.index is None else item.index
            if not 0 <= index < count or vectors[index] is not None:
                raise _broken("does not match its texts")
            if len(item.embedding) != self._options.dimension:
                raise _broken(f"has vectors of {len(item.embedding)}, not {self._options.dimension}")
            row = np.array(item.embedding, dtype=np.float64)
            if not np.isfinite(row).all():
                raise _broken("holds what is no number")
            vectors[index] = unit(row)
        if any(vector is None for vector in vectors):
            raise _broken("lacks vectors")
        return cast("list[bytes]", vectors)

    async def _stop(self, workers: Sequence[asyncio.Task[None]]) -> None:
        self._client = None
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        while not self._queue.empty():
            _fail(self._queue.get_nowait(), _closing())


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)


def _closing() -> GatewayError:
    return Unavailable("the embedder is closing", code="embedder_unavailable")


def _broken(how: str) -> GatewayError:
    return Unavailable(f"the embedder's answer {how}", code="embedder_broken")


def _seconds(header: str) -> float:
    try:
        return max(0.0, float(header))
    except ValueError:
        return 0.0
