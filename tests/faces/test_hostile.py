"""Bad input over the wire: each is refused in the one shape, nothing of it is stored, and the next request is served."""

import re
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import httpx
import pytest

from tests.faces.hostile_requests import BODIES, HEADERS, TARGETS, memory
from tests.faces.raw import Reply, connect, read, request, send
from tests.gateways import SQLITE, Process, process

GOOD: Final = memory(user=b'"good"')
BODY_LIMIT: Final = 10 * 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Process]:
    config = tmp_path_factory.mktemp("hostile") / "gateway.yaml"
    config.write_text(SQLITE)
    with process(config) as running:
        yield running
        assert running.popen.poll() is None
        assert "Traceback" not in running.errors()


@pytest.fixture(autouse=True)
def unharmed(server: Process) -> Generator[None]:
    """After each: a good request is served, and nothing is stored but what good requests stored."""
    before = census(server)
    yield
    done = send(server.port, request("POST", "/v1/memories", GOOD))
    assert done.status == 201
    assert census(server) == before + 1
    httpx.delete(f"{server.url}/v1/memories", params={"user_id": "good"})


def census(server: Process) -> int:
    text = httpx.get(f"{server.url}/metrics").text
    return sum(int(float(each)) for each in re.findall(r"^gateway_memory_count\{.*\} (\S+)$", text, re.MULTILINE))


def refused(reply: Reply) -> str:
    """The code of a refusal, once its shape is seen to be right."""
    assert 400 <= reply.status < 500, (reply.status, reply.body[:300])
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert {"title", "status", "code", "detail", "request_id"} <= set(problem)
    assert set(problem) <= {"type", "title", "status", "code", "detail", "at", "request_id"}
    assert problem["status"] == reply.status
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert len(problem["detail"]) < 2_000
    assert re.fullmatch("[a-z][a-z0-9_]*", problem["code"])
    return problem["code"]


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused(server: Process, name: str) -> None:
    refused(send(server.port, request("POST", "/v1/memories", BODIES[name])))


def test_a_bad_body_is_refused_whatever_its_endpoint(server: Process, figure: Callable[[str], None]) -> None:
    count = failed = 0
    for path in ("/v1/memories/batch", "/v1/memories/search", "/v1/context", "/v1/sessions/s/messages",
                 "/v1/runs/r/checkpoints", "/v1/sessions/s/system", "/v1/runs/r/state"):  # fmt: skip
        method = "PUT" if path.endswith(("system", "state")) else "POST"
        for name, body in BODIES.items():
            if name not in ("null content", "user of 513 bytes"):  # system prompts and runs have rules of their own
                reply = send(server.port, request(method, path, body))
                failed += reply.status >= 500
                count += 1
                if 400 <= reply.status < 500:
                    refused(reply)
                elif reply.status < 300:
                    httpx.request("DELETE", f"{server.url}/v1/sessions/s", params={"user_id": "u"})
                    httpx.request("DELETE", f"{server.url}/v1/runs/r", params={"user_id": "u"})
    figure(f"bad input: {count} bad bodies to seven endpoints, {failed} replies of 5xx")
    assert failed == 0


def test_no_body_at_all_is_refused(server: Process) -> None:
    assert refused(send(server.port, request("POST", "/v1/memories"))) in ("no_content", "missing_scope_part")
    assert refused(send(server.port, request("POST", "/v1/memories", b"", {"Content-Length": "0"})))


@pytest.mark.parametrize("name", TARGETS)
def test_a_bad_target_is_refused(server: Process, name: str) -> None:
    refused(send(server.port, request("GET", TARGETS[name])))


@pytest.mark.parametrize("name", HEADERS)
def test_a_bad_header_is_refused(server: Process, name: str) -> None:
    refused(send(server.port, request("POST", "/v1/memories", memory(), HEADERS[name])))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense", ""])
def test_a_body_is_read_as_json_whatever_it_is_called(server: Process, kind: str) -> None:
    assert (
        send(server.port, request("POST", "/v1/memories/search", b'{"user_id":"u"}', {"Content-Type": kind})).status
        == 200
    )
    assert (
        refused(send(server.port, request("POST", "/v1/memories", b"user_id=u", {"Content-Type": kind}))) == "bad_json"
    )


@pytest.mark.parametrize("body", [b'{"n":-0}', b'{"n":-0.0}', b'{"n":1,"n":2}', b'{"":0}'])
def test_odd_json_that_means_something_is_taken(server: Process, body: bytes) -> None:
    done = send(server.port, request("POST", "/v1/memories", memory(rest=b',"metadata":' + body)))
    assert done.status == 201
    assert httpx.delete(f"{server.url}/v1/memories", params={"user_id": "u"}).json() == {"deleted": 1}


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PROPFIND", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_are_not_allowed(server: Process, method: str) -> None:
    reply = send(server.port, request(method, "/v1/memories", headers={"X-HTTP-Method-Override": "POST"}))
    if method == "OPTIONS":
        assert reply.status in (204, 405)
    elif method == "HEAD":
        assert reply.status == 405
    elif reply.headers["content-type"] == "application/problem+json":
        assert refused(reply) == "method_not_allowed"
        assert "GET" in reply.headers["allow"]
    else:
        assert reply.status == 400  # not a method of HTTP at all: the server's own parser says so


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n", b"\r\n\r\n\r\n\r\nx\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n\r\n",
        b"POST /v1/memories HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/memories HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}    ",
        b"POST /v1/memories HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"POST /v1/memories HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    ],
)  # fmt: skip
def test_what_is_no_http_gets_no_more_than_a_400(server: Process, data: bytes) -> None:
    with connect(server.port, 5) as wire:
        wire.sendall(data)
        try:
            assert 400 <= read(wire).status < 500
        except (AssertionError, TimeoutError, ConnectionResetError) as error:
            assert "closed" in str(error) or isinstance(error, TimeoutError | ConnectionResetError)  # noqa: PT017


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: Process) -> None:
    with connect(server.port) as wire:
        wire.sendall(request("POST", "/v1/memories", b"", {"Content-Length": str(BODY_LIMIT + 1)}))
        reply = read(wire)
    assert (reply.status, refused(reply)) == (413, "body_too_large")


def test_a_body_over_the_limit_is_refused_without_a_length_too(server: Process) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    started = request("POST", "/v1/memories", headers={"Transfer-Encoding": "chunked"})
    reply = send(server.port, started + chunk * (BODY_LIMIT // 0x10000 + 2) + b"0\r\n\r\n")
    assert (reply.status, refused(reply)) == (413, "body_too_large")


def test_a_whole_body_of_ten_megabytes_is_refused_by_its_content(server: Process) -> None:
    reply = send(server.port, request("POST", "/v1/memories", memory(b'"' + b"x" * (BODY_LIMIT - 100) + b'"')))
    assert (reply.status, refused(reply)) == (413, "content_too_large")


def test_a_client_that_stalls_holds_nobody_up(server: Process) -> None:
    stalled = [connect(server.port) for _ in range(20)]
    for wire in stalled:
        wire.sendall(request("POST", "/v1/memories", b"", {"Content-Length": "100"}) + b'{"user_id":')
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        asked = request("POST", "/v1/memories/search", b'{"user_id":"u","query":"x"}')
        replies = list(pool.map(partial(send, server.port), [asked] * 50))
    assert [each.status for each in replies] == [200] * 50
    assert time.monotonic() - started < 5
    for wire in stalled:
        wire.close()


def test_a_client_that_goes_away_leaves_nothing_behind(server: Process) -> None:
    whole = request("POST", "/v1/memories", memory())
    for cut in range(10, len(whole) - 1, 7):
        with connect(server.port) as wire:
            wire.sendall(whole[:cut])


def test_a_request_id_is_echoed_only_where_it_is_a_plain_word(server: Process) -> None:
    for given, echoed in (("abc-1", True), ("a b", False), ("x" * 129, False), ("é", False)):
        reply = send(server.port, request("GET", "/v1/memories?user_id=u", headers={"X-Request-Id": given}))
        assert (reply.headers["x-request-id"] == given) is echoed
