"""What goes by itself stands in the audit like what was asked for: the intent before anything goes, then what came of it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.domain.errors import Unavailable
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope
from gateway.hooks.audit.sink import Sink
from gateway.services.retention.restoring import restore
from tests.gateways import Gateway, gateway
from tests.hooks import plugins
from tests.retention.talking import said, say, until
from tests.retention.test_sweeps import WHOLE, remember, route_of, swept, texts

CONFIG = """
version: 1
plugins: {{allow: [tests.hooks.plugins]}}
providers:
  main: {{type: sqlite, path: data/main.db, embedder: none}}
  cold: {{type: folder, path: data/cold, embedder: none}}
hooks:
  log: {{type: audit, sink: audit.jsonl, values: plain, {audit}}}
  hold: {{type: python, function: "tests.hooks.plugins:hold", on: [delete]}}
tenants:
  demo:
    auth: {{mode: open}}
    routes:
      notes: {{default: true, chain: main, hooks: [{hooks}], retention: {{max_age_days: 30, archive: cold}}}}
      chat:
        default: true
        kinds: [message]
        chain: main
        hooks: [{hooks}]
        session: {{summarize_after: 6, keep_messages: 2, on_overflow: summarize, summarizer: plain}}
summarizers: {{plain: {{type: extractive}}}}
"""


def configured(audit: str = "fail_closed: true", hooks: str = "log") -> str:
    return CONFIG.format(audit=audit, hooks=hooks)


def lines(home: Path, *about: str, name: str = "audit.jsonl") -> list[tuple[Any, ...]]:
    told = [json.loads(each)["entry"] for each in (home / name).read_text().splitlines()]
    return [
        (each["phase"], each["action"], each["user"], each["count"])
        for each in told
        if each["principal"] == "retention" and each["action"] in about
    ]


async def aged(made: Gateway) -> None:
    await remember(made, "one", "two")
    await remember(made, "three", user="ben")
    made.clock.forward(days=31)


async def test_each_owner_of_what_a_sweep_removes_has_an_intent_and_an_outcome_with_counts(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured()) as made:
        await aged(made)
        assert (await swept(made, dry=True)).memories == 3
        assert lines(tmp_path, "retention.delete") == []
        assert (await swept(made)).gone.deleted == 3
        told = lines(tmp_path, "retention.delete")
        assert told == [
            ("intent", "retention.delete", "ann", 2), ("outcome", "retention.delete", "ann", 2),
            ("intent", "retention.delete", "ben", 1), ("outcome", "retention.delete", "ben", 1),
        ]  # fmt: skip
        assert (await restore(route_of(made), WHOLE)).restored == 3
        assert [each[3] for each in lines(tmp_path, "retention.restore")] == [2, 2, 1, 1]


async def _left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audit: str) -> int:
    async with gateway(tmp_path, configured(audit)) as made:
        await aged(made)

        def full(_sink: Sink, _entries: Any, **_more: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(Sink, "write", full)
            if audit == "fail_closed: true":
                with pytest.raises(Unavailable):
                    await swept(made)
            else:
                await swept(made)
        return len(await texts(route_of(made).provider))


async def test_what_cannot_be_written_down_does_not_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _left(tmp_path, monkeypatch, "fail_closed: true") == 3


async def test_where_the_audit_may_fail_it_goes_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter-test of the one above."""
    assert await _left(tmp_path, monkeypatch, "fail_closed: false") == 0


async def test_a_hook_can_hold_what_would_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway(tmp_path, configured(hooks="log, hold")) as made:
        await aged(made)
        monkeypatch.setattr(plugins, "HELD", ["ann"])
        done = await swept(made)
        assert (done.gone.deleted, done.gone.held) == (1, 2)
        assert sorted(await texts(route_of(made).provider)) == ["one", "two"]
        assert sorted(await texts(route_of(made).archive)) == ["three"]
        assert 'code="held_by_hook"' in (await made.get("/metrics")).text


async def test_a_summary_in_the_background_and_what_it_removes_are_told(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured()) as made:
        await say(made, *[f"message {number}" for number in range(6)])

        async def short() -> bool:
            return len(await said(made)) == 2

        await until(short)
        told = lines(tmp_path, "retention.summarize", "retention.delete")
        assert told == [
            ("intent", "retention.summarize", "ann", 4), ("outcome", "retention.summarize", "ann", 4),
            ("intent", "retention.delete", "ann", 4), ("outcome", "retention.delete", "ann", 4),
        ]  # fmt: skip


def test_a_sweep_from_the_command_line_is_told_too(tmp_path: Path) -> None:
    async def prepared() -> None:
        async with gateway(tmp_path, configured()) as made:
            old = made.clock() - timedelta(days=40)
            scope = Scope("demo", "default", "ann")
            await route_of(made).provider.put(
                [Record(id="old-1", kind=Kind.MEMORY, scope=scope, text="old", created_at=old, updated_at=old)]
            )

    asyncio.run(prepared())
    done = CliRunner().invoke(main, ["sweep", str(tmp_path / "gateway.yaml")])
    assert "deleted 1" in done.output
    assert [each[0] for each in lines(tmp_path, "retention.delete")] == ["intent", "outcome"]


async def test_what_a_hook_kept_aside_goes_with_age_and_with_its_session(tmp_path: Path) -> None:
    async with gateway(tmp_path, configured()) as made:
        old, now = made.clock() - timedelta(days=40), made.clock()
        run = Scope("demo", "default", "ann", "", "s1")
        aside = [
            Record(id=f"aside-{n}", kind=Kind.QUARANTINE, scope=scope, text="kept aside", created_at=at, updated_at=at)
            for n, (at, scope) in enumerate([(old, Scope("demo", "default", "ann")), (now, run)])
        ]
        provider = route_of(made, "chat").provider
        await say(made, "hello")
        await provider.put(aside)
        ids = [each.id for each in aside]
        done = await swept(made)
        assert (done.gone.archived, done.gone.deleted) == (1, 1)
        assert [each is not None for each in await provider.get(WHOLE, ids)] == [False, True]
        await made.http.delete("/v1/sessions/s1", params={"user_id": "ann"})
        assert await provider.get(WHOLE, ids) == [None, None]
