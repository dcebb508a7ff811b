"""When a call is sent again: only where that changes nothing, never past its deadline, never before it is wished for."""

import asyncio
import email.utils
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
import pytest

from gateway.client import (
    AsyncGateway,
    Away,
    Conflict,
    Faulty,
    Forbidden,
    Gateway,
    GatewayError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    TooLate,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from gateway.client.asks import memories
from gateway.client.trying import Clock, Policy, Tries
from tests.servers.proxy import Proxy, proxied

pytestmark = pytest.mark.xdist_group("client")
ERRORS: dict[int, type[GatewayError]] = {
    400: Malformed, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 405: Invalid, 409: Conflict, 413: TooLarge,
    418: GatewayError, 422: Invalid, 429: TooMany, 500: Faulty, 502: Unavailable, 503: Unavailable, 504: TooLate,
}  # fmt: skip


class Lossy:
    """A client whose line to the gateway loses the replies it is told to lose."""

    def __init__(self, proxy: Proxy, client: AsyncGateway) -> None:
        self.proxy = proxy
        self.client = client

    async def lose(self, call: Callable[[], Any]) -> Any:
        """The first reply never comes; what comes after is well."""
        await self.proxy.become("reset")
        before = self.proxy.asked

        async def heal() -> None:
            while self.proxy.asked == before:  # noqa: ASYNC110 - the line tells nobody
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
            await self.proxy.become("well")

        healing = asyncio.create_task(heal())
        try:
            return await call()
        finally:
            await healing


@pytest.fixture
async def lossy(gateway_url: str) -> AsyncGenerator[Lossy]:
    async with (
        proxied(urlsplit(gateway_url).port or 0) as proxy,
        AsyncGateway(f"http://127.0.0.1:{proxy.port}", user_id=uuid4().hex, timeout=2) as client,
    ):
        yield Lossy(proxy, client)


async def test_a_write_whose_reply_was_lost_is_sent_again_and_is_one_memory(lossy: Lossy) -> None:
    added = await lossy.lose(lambda: lossy.client.memories.add("once"))
    assert added.replayed
    appended = await lossy.lose(lambda: lossy.client.sessions.append("s", {"role": "user", "content": "once"}))
    assert appended.replayed
    assert len(await lossy.client.memories.list()) == 1
    assert len(await lossy.client.sessions.history("s")) == 1


async def test_without_a_key_the_second_try_would_make_a_second_memory(lossy: Lossy) -> None:
    """What the key is for."""
    careless = msgspec.structs.replace(memories.ADD, repeats="always")
    asked = msgspec.structs.replace(memories.add("once"), operation=careless, key="")
    await lossy.lose(lambda: lossy.client.memories.send(asked))
    assert len(await lossy.client.memories.list()) == 2


async def test_a_change_whose_reply_was_lost_is_not_sent_again(lossy: Lossy) -> None:
    one = await lossy.client.memories.add("x")
    with pytest.raises(Unreachable) as lost:
        await lossy.lose(lambda: lossy.client.memories.update(one.id, content="y"))
    assert lost.value.code == "no_answer"
    assert (await lossy.client.memories.get(one.id)).version == 2


async def test_a_change_that_never_left_is_sent_again(gateway_url: str) -> None:
    """A refused connection carried nothing."""
    async with proxied(urlsplit(gateway_url).port or 0) as proxy, AsyncGateway(user_id=uuid4().hex) as nobody:
        assert nobody is not None
        async with AsyncGateway(f"http://127.0.0.1:{proxy.port}", user_id=uuid4().hex) as client:
            one = await client.memories.add("x")
            await proxy.become("refused")
            healing = asyncio.create_task(_later(proxy))
            assert (await client.memories.update(one.id, content="y")).version == 2
            await healing


async def _later(proxy: Proxy) -> None:
    await asyncio.sleep(0.15)
    await proxy.become("well")


async def test_reads_find_nothing_where_that_is_wished_for_and_it_is_noted() -> None:
    with Gateway("http://127.0.0.1:9", user_id="u", retries=0, on_read_error="empty") as away:
        found = away.memories.search("x")
        assert list(found) == [] and found.degraded == "unsent"
        assert away.memories.context("x").text == "" and list(away.memories.list()) == []
        window = away.user("other").sessions.context("s")
        assert (window.session_id, list(window)) == ("s", [])
        assert away.faults.count == 4 and away.faults.last[-1].path == "/v1/sessions/{session_id}/context"
        for write in (
            lambda: away.memories.add("x"),
            lambda: away.memories.delete("x"),
            lambda: away.memories.get("x"),
        ):
            with pytest.raises(Unreachable):
                write()
    async with AsyncGateway("http://127.0.0.1:9", user_id="u", retries=0) as strict:
        with pytest.raises(Unreachable):
            await strict.memories.search("x")


@pytest.mark.parametrize("status", ERRORS)
def test_every_status_has_its_error(status: int) -> None:
    """As a gateway says it, and as something in between does."""
    problem = {"code": "some_code", "detail": "why", "at": "user_id", "request_id": "r1"}
    for reply, code in (
        (httpx.Response(status, json=problem), "some_code"),
        (httpx.Response(status, html="<p>"), f"http_{status}"),
    ):
        transport = httpx.MockTransport(lambda _, reply=reply: reply)
        with Gateway("http://gw", transport=transport, retries=0) as client, pytest.raises(GatewayError) as raised:
            client.memories.get("x")
        assert type(raised.value) is ERRORS[status]
        assert (raised.value.code, raised.value.status) == (code, status)
    assert issubclass(ERRORS[status], Away) == (status in (429, 502, 503, 504))


def test_what_is_no_gateway_is_said_to_be_none() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, html="hi"))
    with Gateway("http://gw", transport=transport) as client, pytest.raises(GatewayError, match="not_a_gateway"):
        client.memories.get("x")


def test_a_gateway_that_answers_with_nothing_because_of_a_failure_is_noted() -> None:
    headers = {"memory-gateway-degraded": "backend_down"}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, json={"results": [], "truncated": False}, headers=headers)
    )
    with Gateway("http://gw", transport=transport) as client:
        assert client.memories.search("x").degraded == "backend_down"
        assert client.faults.last[0].code == "backend_down"


def test_the_credential_the_prefix_and_the_key_go_along() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503, headers={"retry-after": "0"})

    options: Any = {"api_key": "secret", "headers": {"X-Trace": "1"}}
    with Gateway("http://gw/r/notes/", transport=httpx.MockTransport(answer), **options) as client:
        for key in (None, "mine"):
            with pytest.raises(Unavailable):
                client.memories.add("x", idempotency_key=key)
    assert len(seen) == 8
    assert {str(each.url) for each in seen} == {"http://gw/r/notes/v1/memories"}
    assert {each.headers["authorization"] for each in seen} == {"Bearer secret"}
    keys = [each.headers["idempotency-key"] for each in seen]
    assert len(set(keys[:4])) == 1 and set(keys[4:]) == {"mine"} and keys[0] != "mine"


class Time:
    def __init__(self) -> None:
        self.now = 0.0


def tries(time_: Time, asked: Any, **policy: Any) -> Tries:
    return Tries(asked, Policy(**policy), Clock(now=lambda: time_.now, chance=lambda: 1.0))


def test_pauses_grow_up_to_the_longest_and_end_with_the_retries() -> None:
    time_ = Time()
    trying = tries(time_, memories.get("x"), retries=8, pause=0.1, longest_pause=2, deadline=100)
    pauses: list[float] = []
    for _ in range(8):
        assert trying.seconds() == 10
        pauses.append(trying.again(Unavailable("x")))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]
    trying.seconds()
    with pytest.raises(Unavailable):
        trying.again(Unavailable("x"))


def test_no_try_goes_past_the_deadline() -> None:
    time_ = Time()
    trying = tries(time_, memories.get("x"), deadline=12)
    assert trying.seconds() == 10
    time_.now = 5
    trying.again(Unavailable("x"))
    assert trying.seconds() == 7
    time_.now = 11.99
    with pytest.raises(Unavailable):
        trying.again(Unavailable("x"))
    time_.now = 13
    with pytest.raises(TooLate, match="client_deadline"):
        trying.seconds()


def test_a_wish_to_wait_is_honoured_and_one_beyond_the_deadline_is_the_end() -> None:
    patient, hasty = (tries(Time(), memories.get("x"), deadline=deadline) for deadline in (30, 3))
    error = TooMany("x")
    error.retry_after = 4
    patient.seconds()
    hasty.seconds()
    assert patient.again(error) == 4
    with pytest.raises(TooMany):
        hasty.again(error)
    moment = email.utils.formatdate(time.time() + 7, usegmt=True)
    with (
        Gateway(
            "http://gw",
            transport=httpx.MockTransport(lambda _: httpx.Response(429, headers={"retry-after": moment})),
            deadline=1,
        ) as client,
        pytest.raises(TooMany) as raised,
    ):
        client.memories.get("x")
    assert 5 < raised.value.retry_after <= 7


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Unavailable("", code="backend_down"), False),
        (Unavailable("", code="gateway_full"), True),
        (TooMany(""), True),
        (Unreachable("", code="no_answer"), False),
        (Unreachable("", code="unsent"), True),
        (Conflict(""), False),
        (Faulty(""), False),
    ],
)
def test_what_may_not_be_repeated_is_repeated_only_where_it_was_turned_away(error: GatewayError, again: bool) -> None:
    trying = tries(Time(), memories.update("x", content="y"))
    trying.seconds()
    if again:
        assert trying.again(error) > 0
    else:
        with pytest.raises(type(error)):
            trying.again(error)


def test_what_takes_a_model_is_waited_for_longer() -> None:
    assert tries(Time(), memories.extract([{"role": "user"}])).seconds() == 70
    assert tries(Time(), memories.extract([{"role": "user"}], wait=False)).seconds() == 10
