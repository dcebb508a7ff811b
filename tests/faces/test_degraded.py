"""What callers get while a backend is away: an error, or nothing found with a header, as the route says; writes fail."""

from pathlib import Path

import pytest

from tests.gateways import gateway
from tests.promises.erratic import Yard, with_erratic

TEXT = """
version: 1
providers:
  sick: {{type: erratic, slow: 5, guard: {{timeout: 50ms, failures: 100, retry: false}}}}
defaults: {{chain: sick, on_error: {on_error}, limits: {{deadline: {deadline}}}}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message]}}
"""

READS: tuple[tuple[str, str, dict[str, str] | None, dict[str, object]], ...] = (
    ("GET", "/v1/memories?user_id=u", None, {"memories": [], "cursor": None}),
    ("POST", "/v1/memories/search", {"user_id": "u", "query": "tea"}, {"results": [], "truncated": False}),
    ("POST", "/v1/context", {"user_id": "u", "query": "tea"}, {"text": "", "memories": [], "truncated": False}),
    ("GET", "/v1/sessions/s/messages?user_id=u", None, {"session_id": "s", "messages": [], "cursor": None}),
    ("GET", "/v1/sessions/s/context?user_id=u", None, {"session_id": "s", "messages": [], "tokens": 0, "max_tokens": 4000}),
    ("POST", "/v1/sessions/s/search", {"user_id": "u", "query": "tea"}, {"session_id": "s", "results": [], "truncated": False}),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "nothing"), READS)
@pytest.mark.parametrize("on_error", ["raise", "empty"])
async def test_reads_answer_as_the_route_says(
    tmp_path: Path, method: str, path: str, body: dict[str, str] | None, nothing: dict[str, object], on_error: str
) -> None:
    text = TEXT.format(on_error=on_error, deadline="5s")
    async with gateway(tmp_path, text, catalog=with_erratic(Yard())) as served:
        reply = await served.http.request(method, path, json=body)
        if on_error == "raise":
            assert (reply.status_code, reply.json()["code"]) == (504, "provider_timeout")
            assert "memory-gateway-degraded" not in reply.headers
        else:
            assert (reply.status_code, reply.json()) == (200, nothing)
            assert reply.headers["memory-gateway-degraded"] == "provider_timeout"
            metrics = (await served.get("/metrics")).text
            assert 'gateway_faults_total{code="answered_empty",route="everything",tenant="default"} 1.0' in metrics
            assert 'gateway_memory_errors_total{code="provider_timeout"' in metrics


async def test_a_request_ends_with_its_deadline_whatever_it_waits_for(tmp_path: Path) -> None:
    text = TEXT.format(on_error="raise", deadline="100ms").replace("timeout: 50ms", "timeout: 4s")
    async with gateway(tmp_path, text, catalog=with_erratic(Yard())) as served:
        reply = await served.get("/v1/memories?user_id=u")
        assert (reply.status_code, reply.json()["code"]) == (504, "deadline")


async def test_what_is_not_a_list_never_pretends(tmp_path: Path) -> None:
    text = TEXT.format(on_error="empty", deadline="5s").replace("slow: 5, guard", "opening: well, guard")
    async with gateway(tmp_path, text, catalog=with_erratic(Yard())) as served:
        missing = await served.get("/v1/memories/0190b3a0-0000-7000-8000-000000000000?user_id=u")
        assert missing.status_code == 404
        assert (await served.post("/v1/memories", {"user_id": "u", "content": "tea"})).status_code == 201
