"""Every operation there is asks hooks: what cannot be written down is not done, whatever path it takes."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from gateway.domain.ports import Provider, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.faces.http.endpoints import ENDPOINTS
from gateway.hooks.audit import Audit
from tests.gateways import Gateway, gateway

CONFIG = """
version: 1
providers: {main: {type: memory, embedder: none}}
hooks: {log: {type: audit, sink: audit.jsonl, values: plain, reads: fail_closed, fsync: never}}
defaults: {chain: main, hooks: [log]}
tenants:
  default:
    auth: {mode: open}
    routes:
      everything: {default: true, kinds: [memory, message, checkpoint]}
"""
MESSAGE = {"role": "user", "content": "tea"}
BODIES: dict[str, Any] = {
    "memory.add": {"content": "tea"},
    "memory.add_batch": {"memories": [{"content": "tea"}]},
    "memory.update": {"content": "coffee"},
    "memory.search": {"query": "tea"},
    "memory.context": {"query": "tea"},
    "session.mint": {},
    "session.append": {"message": MESSAGE},
    "session.search": {"query": "tea"},
    "session.trim": {"keep": 0},
    "session.summarize": {},
    "session.system.put": {"content": "be brief"},
    "checkpoint.put": {"state": {"a": 2}},
    "checkpoint.write": {"writes": [{"write_id": "w", "state": 1}]},
    "checkpoint.prune": {"keep": 0},
    "run.state.put": {"status": "done"},
}
# Only for backends that extract, and for what was kept aside; they ask as memory.add does, in the same way.
ELSEWHERE = frozenset({"memory.extract", "quarantine.release"})
CHANGES = frozenset({"add", "update", "delete"})


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path, CONFIG) as started:
        yield started


async def fill(made: Gateway) -> str:
    """Something of every sort; the id of the memory."""
    memory = await made.post("/v1/memories", {"content": "tea", "user_id": "ada"})
    await made.post("/v1/sessions/s/messages", {"messages": [MESSAGE, MESSAGE], "user_id": "ada"})
    await made.http.put("/v1/sessions/s/system", json={"content": "be kind", "user_id": "ada"})
    await made.http.put("/v1/runs/s/checkpoints/c", json={"state": {"a": 1}, "user_id": "ada"})
    await made.http.put("/v1/runs/s/state", json={"status": "new", "user_id": "ada"})
    return memory.json()["id"]


async def everything(made: Gateway) -> list[Any]:
    (provider,) = [each for name, each in made.helm.running.means.instances.live() if name == "main"]
    scan = Scan(where=Where(frozenset(Kind)), limit=1000)
    return list((await cast("Provider", provider).scan(Reach("default", None, None, None, None), scan)).records)


async def ask(made: Gateway, endpoint: Any, memory: str) -> Any:
    named = {
        "quarantine_id": "q",
        "memory_id": memory,
        "session_id": "s",
        "run_id": "s",
        "checkpoint_id": "c",
        "user_id": "ada",
    }
    path = endpoint.path
    for name in endpoint.path_names():
        path = path.replace(f"{{{name}}}", named.get(name, "none"))
    user = {} if "user_id" in endpoint.path_names() else {"user_id": "ada"}
    if endpoint.bodied:
        return await made.http.request(endpoint.method, path, json={**BODIES.get(endpoint.operation.name, {}), **user})
    return await made.http.request(endpoint.method, path, params=user)


ASKED = [each for each in ENDPOINTS if each.operation.name not in ELSEWHERE]
NOT_THERE = frozenset({"subject.erasure"})  # of an erasure that nobody has asked for


async def test_with_an_audit_that_cannot_be_written_nothing_is_changed_and_nothing_is_told(
    made: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = await fill(made)
    before = await everything(made)

    def full(_self: Audit, _entries: list[Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Audit, "_put", full)
    for endpoint in ASKED:
        told = await ask(made, endpoint, memory)
        wanted = (404, "no_erasure") if endpoint.operation.name in NOT_THERE else (503, "audit_unavailable")
        assert (told.status_code, told.json().get("code")) == wanted, endpoint.name
        assert await everything(made) == before, endpoint.name


async def test_every_operation_leaves_a_line(made: Gateway) -> None:
    audit = made.home / "audit.jsonl"
    unheard: list[str] = []
    for endpoint in ASKED:
        memory = await fill(made)
        size = audit.stat().st_size
        await ask(made, endpoint, memory)
        if f'"action":"{endpoint.operation.name}"' not in audit.read_text()[size:]:
            unheard.append(endpoint.name)
    assert unheard == []


async def test_without_the_hook_the_same_operations_go_through(tmp_path: Path) -> None:
    """The counter-test: it is the hook that keeps them from it."""
    changed = 0
    async with gateway(tmp_path, CONFIG.replace(", hooks: [log]", "")) as made:
        for endpoint in ASKED:
            memory = await fill(made)
            before = await everything(made)
            told = await ask(made, endpoint, memory)
            assert told.status_code != 503 or "erasure" in told.text or "jobs" in told.text, (endpoint.name, told.text)
            changed += endpoint.operation.op in CHANGES and await everything(made) != before
    assert changed > 15
