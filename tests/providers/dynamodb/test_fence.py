"""Tables of Fence's agents: each side reads what the other wrote, in order, and no session is taken for another.

The tests that run Fence itself need a Python with `fence-llm` and `mcp<2`; GATEWAY_TEST_FENCE_PYTHON names it.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Invalid
from gateway.domain.ids import slot_id
from gateway.domain.ports import Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.dynamodb import Dynamodb
from gateway.testing.making import Maker, Time, everything, scanned

from .conftest import opened

MESSAGES = Where(frozenset({Kind.MESSAGE}))
SYSTEMS = Where(frozenset({Kind.SYSTEM}))
ALL = Where(frozenset({Kind.MESSAGE, Kind.SYSTEM, Kind.SESSION, Kind.SUMMARY}))


@pytest.fixture
def fenced(settings: dict[str, Any], make: Maker) -> dict[str, Any]:
    return {
        **settings, "layout": "fence", "primary_key_value": "user_{user_id}", "sort_key_value_prefix": "chat",
        "tenant": make.tenant, "source": "gateway",
    }  # fmt: skip


@pytest.fixture
async def shelf(stack: AsyncExitStack, fenced: dict[str, Any], clock: Time) -> Dynamodb:
    return await opened(stack, fenced, clock)


@pytest.fixture(scope="session")
def python() -> str:
    named = os.environ.get("GATEWAY_TEST_FENCE_PYTHON") or sys.executable
    asked = subprocess.run([named, "-c", "import fence.agents"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("absent: fence: pip install 'fence-llm==2.3.3' 'mcp>=1.23,<2', or name a Python that has it")
    return named


class Agents:
    """Fence's memory of one table, in a process of its own."""

    def __init__(self, python: str, server: Mapping[str, str], table: str) -> None:
        self._python, self._table = python, table
        self._environment = {
            **os.environ, "AWS_ENDPOINT_URL_DYNAMODB": server["endpoint_url"], "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }  # fmt: skip
        self._region = server["region"]

    async def ask(self, user: str, session: str, **job: Any) -> dict[str, Any]:
        memory = {
            "table_name": self._table, "primary_key_value": f"user_{user}", "sort_key_value": session,
            "sort_key_value_prefix": "chat", "region_name": self._region,
        }  # fmt: skip
        done = await asyncio.to_thread(
            subprocess.run,
            [self._python, str(Path(__file__).with_name("fence_agent.py"))],
            input=json.dumps({"memory": memory, **job}),
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def agents(python: str, server: Mapping[str, str], table: str) -> Agents:
    return Agents(python, server, table)


def said(make: Maker, scope: Scope, role: str, content: Any, **more: Any) -> Record:
    text = content if isinstance(content, str) else ""
    body = msgspec.json.encode({"role": role, "content": content})
    return make.record(text, scope, kind=Kind.MESSAGE, role=role, body=body, **more)


def system(make: Maker, scope: Scope, text: str, **more: Any) -> Record:
    return make.record(
        text, scope, kind=Kind.SYSTEM, id=slot_id(scope, "system"), role="system",
        body=msgspec.json.encode({"role": "system", "content": text}), **more,
    )  # fmt: skip


def row(user: str, session: str, time: str, text: str, role: str = "user", **more: Any) -> dict[str, Any]:
    """As Fence writes it."""
    return {
        "PK": {"S": f"user_{user}"}, "SK": {"S": f"chat#{session}#{time}"}, "Role": {"S": role},
        "Message": {"M": {"type": {"S": "text"}, "text": {"S": text}}}, "Meta": {"NULL": True},
        "Source": {"NULL": True}, **more,
    }  # fmt: skip


async def test_fence_reads_what_we_wrote(shelf: Dynamodb, agents: Agents, make: Maker) -> None:
    scope = make.scope("ann", run="s1")
    use = {"type": "toolUse", "content": {"toolUseId": "1", "name": "t", "input": {"a": 1.5, "n": 3}}}
    records = [
        system(make, scope, "be brief"),
        make.record("", scope, kind=Kind.SESSION),
        said(make, scope, "user", "my name is Zoe", metadata={"n": 1.5}),
        said(make, scope, "assistant", "Noted."),
        said(make, scope, "assistant", [use]),
        make.record("summed up", scope, kind=Kind.SUMMARY),
    ]
    assert all(await shelf.put(records))
    found = await agents.ask("ann", "s1")
    assert found["system"] == "be brief"
    assert [(role, each.get("text", each["type"])) for role, each in found["messages"]] == [
        ("user", "my name is Zoe"), ("assistant", "Noted."), ("assistant", "toolUse"),
    ]  # fmt: skip
    assert float(found["messages"][2][1]["content"]["input"]["a"]) == 1.5
    assert await scanned(shelf, Reach.only(scope), ALL) == records[::-1]


async def test_an_agent_goes_on_where_the_gateway_was(shelf: Dynamodb, agents: Agents, make: Maker) -> None:
    scope = make.scope("ann", run="s1")
    await shelf.put([said(make, scope, "user", "my name is Zoe"), said(make, scope, "assistant", "Noted.")])
    answer = await agents.ask("ann", "s1", chat="what is my name?", role="ROLE")
    assert answer["said"] == "seen: my name is Zoe | Noted. | what is my name?"
    found = await scanned(shelf, Reach.only(scope), MESSAGES)
    assert [(each.role, each.text) for each in found[::-1]] == [
        ("user", "my name is Zoe"), ("assistant", "Noted."), ("user", "what is my name?"), ("assistant", answer["said"]),
    ]  # fmt: skip
    (prompt,) = await scanned(shelf, Reach.only(scope), SYSTEMS)
    assert "ROLE" in prompt.text
    assert (await shelf.get(Reach.only(scope), [slot_id(scope, "system")]))[0] == prompt


async def test_we_read_what_fence_wrote(shelf: Dynamodb, agents: Agents, make: Maker) -> None:
    scope = make.scope("ann", run="s1")
    write = [
        ["system", "first", None],
        ["user", "hello", {"n": 2}],
        ["assistant", "hi", None],
        ["system", "later", None],
    ]
    await agents.ask("ann", "s1", write=write, tools=True)
    await agents.ask("ann", "s12", write=[["user", "another session", None]])
    reach = Reach.only(scope)
    found = (await scanned(shelf, reach, MESSAGES, limit=2))[::-1]
    assert [(each.role, each.text) for each in found] == [
        ("user", "hello"),
        ("assistant", "hi"),
        ("assistant", ""),
        ("user", ""),
    ]
    assert found[0].metadata == {"n": 2}
    used = msgspec.json.decode(found[2].body or b"")["content"][0]
    assert used == {"type": "toolUse", "content": {"toolUseId": "1", "input": {"city": "Oslo"}, "name": "weather"}}
    assert list(await shelf.get(reach, [each.id for each in found])) == found
    (prompt,) = await scanned(shelf, reach, SYSTEMS)
    assert prompt.text == "later"
    wide = await scanned(shelf, everything(make.tenant), ALL)
    assert sorted(each.scope.run for each in wide) == ["s1"] * 5 + ["s12"]
    assert await shelf.delete(reach, [prompt.id, *(each.id for each in found)]) == 5
    assert await agents.ask("ann", "s1") | {"messages": []} == {"messages": [], "system": None}
    assert [each.text for each in await scanned(shelf, everything(make.tenant), ALL)] == ["another session"]


async def test_fence_takes_another_session_for_its_own_and_we_never_do(
    shelf: Dynamodb, agents: Agents, make: Maker
) -> None:
    """The counter-test: what Fence's own query finds is more than is there for it."""
    await shelf.put([said(make, make.scope("ann", run=run), "user", run) for run in ("s1", "s12", "s1#2", "s2")])
    leaked = await agents.ask("ann", "s1")
    assert len(leaked["messages"]) == 3
    for run in ("s1", "s12", "s1#2", "s2"):
        assert [each.text for each in await scanned(shelf, Reach.only(make.scope("ann", run=run)), MESSAGES)] == [run]


async def test_sessions_that_begin_alike_are_apart(shelf: Dynamodb, raw: Any, table: str, make: Maker) -> None:
    for session in ("s1", "s12", "s1#2"):
        await raw.put_item(TableName=table, Item=row("ann", session, "2026-01-01T00:00:00+00:00", session))
    for session in ("s1", "s12", "s1#2", "s"):
        found = await scanned(shelf, Reach.only(make.scope("ann", run=session)), MESSAGES)
        assert [each.text for each in found] == ([session] if session != "s" else [])
    assert len(await scanned(shelf, everything(make.tenant), MESSAGES)) == 3
    assert await scanned(shelf, everything(make.tenant + "0"), MESSAGES) == []


async def test_ours_and_theirs_are_one_order(shelf: Dynamodb, raw: Any, table: str, make: Maker, clock: Time) -> None:
    scope = make.scope("ann", run="s1")
    for n in range(12):
        clock.forward(seconds=1)
        if n % 2:
            await raw.put_item(TableName=table, Item=row("ann", "s1", clock.now.isoformat(), str(n)))
        else:
            await shelf.put([said(make, scope, "user", str(n), created_at=clock.now)])
    for limit in (1, 5, 100):
        found = await scanned(shelf, Reach.only(scope), MESSAGES, limit=limit)
        assert [each.text for each in found] == [str(n) for n in reversed(range(12))]
        assert await scanned(shelf, everything(make.tenant), MESSAGES, limit=limit) == found


async def test_the_newest_system_prompt_counts_whoever_wrote_it(
    shelf: Dynamodb, raw: Any, table: str, make: Maker, clock: Time
) -> None:
    scope = make.scope("ann", run="s1")
    reach, slot = Reach.only(scope), slot_id(scope, "system")
    first = system(make, scope, "ours")
    assert list(await shelf.put([first])) == [True]
    clock.forward(seconds=1)
    await raw.put_item(TableName=table, Item=row("ann", "s1", clock.now.isoformat(), "theirs", "system"))
    (theirs,) = await shelf.get(reach, [slot])
    assert theirs is not None
    assert (theirs.text, theirs.version) == ("theirs", 2)
    again = system(make, scope, "ours again", version=theirs.version + 1, created_at=theirs.created_at)
    assert list(await shelf.put([again])) == [True]
    assert list(await shelf.get(reach, [slot])) == [again]
    assert await scanned(shelf, everything(make.tenant), SYSTEMS) == [again]
    assert await shelf.delete(reach, [slot]) == 1
    assert await scanned(shelf, everything(make.tenant), SYSTEMS) == []


async def test_what_fence_wrote_can_be_changed_once_by_each_version(
    shelf: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    await raw.put_item(TableName=table, Item=row("ann", "s1", "2026-01-01T00:00:00+00:00", "theirs"))
    (theirs,) = await scanned(shelf, everything(make.tenant), MESSAGES)
    assert list(await shelf.put([theirs])) == [False]
    changed = msgspec.structs.replace(theirs, text="changed", version=2)
    assert list(await shelf.put([changed])) == [True]
    assert await scanned(shelf, everything(make.tenant), MESSAGES) == [changed]
    assert (await raw.scan(TableName=table, Select="COUNT"))["Count"] == 2  # the row, and the place of its new form
    assert await shelf.delete(Reach.only(theirs.scope), [theirs.id]) == 1
    assert (await raw.scan(TableName=table, Select="COUNT"))["Count"] == 0


async def test_ids_that_the_keys_do_not_hold_are_refused(shelf: Dynamodb, make: Maker) -> None:
    for scope in (
        make.scope("ann"), make.scope("", run="s1"), make.scope("ann", agent="a", run="s1"),
        make.scope("ann", run="s1", space="other"), Scope(make.tenant + "0", "default", "ann", "", "s1"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match="user_id, session_id"):
            await shelf.put([said(make, scope, "user", "x")])
        assert await scanned(shelf, Reach.only(scope), ALL) == []


async def test_a_key_that_two_scopes_would_share_is_given_to_none(
    stack: AsyncExitStack, fenced: dict[str, Any], clock: Time, make: Maker
) -> None:
    given = {**fenced, "primary_key_value": "user_{user_id}_session_{session_id}", "sort_key_value": "main"}
    shelf = await opened(stack, given, clock)
    fine = make.scope("123", run="456_session_7")
    await shelf.put([said(make, fine, "user", "mine")])
    with pytest.raises(Invalid):
        await shelf.put([said(make, make.scope("123_session_456", run="7"), "user", "theirs")])
    assert len(await scanned(shelf, Reach.only(fine), MESSAGES)) == 1


async def test_keys_are_named_by_the_configuration(
    stack: AsyncExitStack, fenced: dict[str, Any], clock: Time, make: Maker, raw: Any, table: str
) -> None:
    given = {
        **fenced, "primary_key_name": "session_id", "sort_key_name": "at", "primary_key_value": "{tenant_id}:{session_id}",
        "sort_key_value": "{user_id}", "extra_fields": {"team": "blue", "level": 1.5},
    }  # fmt: skip
    del given["tenant"]
    shelf = await opened(stack, given, clock)
    record = said(make, make.scope("ann", run="s1"), "user", "hello")
    await shelf.put([record])
    assert await scanned(shelf, Reach.only(record.scope), MESSAGES) == [record]
    items = (await raw.scan(TableName=table))["Items"]
    (item,) = [each for each in items if "Message" in each]
    assert item["session_id"] == {"S": f"{make.tenant}:s1"}
    assert item["at"]["S"].startswith("chat#ann#2")
    assert (item["team"], item["level"], item["Source"]) == ({"S": "blue"}, {"N": "1.5"}, {"S": "gateway"})


async def test_nobody_reaches_our_own_partitions_by_an_id(
    stack: AsyncExitStack, fenced: dict[str, Any], clock: Time, make: Maker
) -> None:
    shelf = await opened(stack, {**fenced, "primary_key_value": "{user_id}"}, clock)
    for user in ("s#", "t#abc", "p#" + "0" * 64):
        with pytest.raises(Invalid):
            await shelf.put([said(make, make.scope(user, run="s1"), "user", "x")])
