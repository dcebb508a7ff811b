"""Conversations that TFrameX's own storage wrote to a real Redis become sessions, whole, and once however often it is run."""

import importlib
import importlib.util
import sys
import types
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import AsyncGateway
from tests.examples.serving import ROOT, python, served
from tests.servers import Absent, redis

CONFIG = (ROOT / "examples/from_tframex/gateway.yaml").read_text()
MOVE = "from_tframex/move.py"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what it is written with is older


@pytest.fixture
async def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Any]:
    """Theirs. Its package imports drivers that its extra does not name, so this one module is loaded without it."""
    root = Path(str(importlib.util.find_spec("tframex").origin)).parent  # pyright: ignore[reportOptionalMemberAccess] - it is installed
    for name in ("tframex.enterprise", "tframex.enterprise.storage"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.parent.joinpath(*name.split(".")))]
        monkeypatch.setitem(sys.modules, name, package)
    theirs = importlib.import_module("tframex.enterprise.storage.redis").RedisStorage
    try:
        with redis.started(redis.valkey_binary(), tmp_path / "redis") as server:
            opened = theirs({"host": "127.0.0.1", "port": server.port})
            await opened.initialize()
            yield opened
            await opened.disconnect()
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


def address(storage: Any) -> str:
    return f"redis://{storage.host}:{storage.port}/{storage.db}"


async def say(storage: Any, conversation: str, *said: dict[str, Any]) -> None:
    for each in said:
        await storage.store_message(conversation, each)


async def test_conversations_become_sessions_of_their_users_once(storage: Any, tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    await storage.store_conversation(
        "web:1", "Helper", "ann", {"channel": "web"}
    )  # a colon hides it from their listing
    await say(
        storage, "web:1",
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "Hello", "metadata": {"page": 3}},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "found", "tool_call_id": "c1"},
        {"content": "nobody said this"},
    )  # fmt: skip
    await storage.store_conversation("long", "Helper", "bob")
    await say(storage, "long", *({"role": "user", "content": f"line {number}"} for number in range(230)))
    await say(storage, "of-no-conversation", {"role": "user", "content": "lost"})
    async with served(tmp_path, CONFIG) as url, AsyncGateway(url) as gateway:
        told = await python(MOVE, address(storage), url)
        assert sorted(told.splitlines()) == [
            "ann: web:1: 4 of 4 messages moved, 1 without a role left out", "bob: long: 230 of 230 messages moved",
        ]  # fmt: skip
        await gateway.user("ann").sessions.set_system("web:1", "You help more.")
        await say(storage, "web:1", {"role": "user", "content": "And now?"})
        again = await python(MOVE, address(storage), url)
        assert sorted(again.splitlines()) == [
            "ann: web:1: 1 of 5 messages moved, 1 without a role left out", "bob: long: 0 of 230 messages moved",
        ]  # fmt: skip
        said = await gateway.user("ann").sessions.history("web:1")
        theirs = [each for each in await storage.get_messages("web:1") if each.get("role", "system") != "system"]
        assert [each.message for each in said] == theirs, "with every key that they had"
        assert (await gateway.user("ann").sessions.system("web:1")).system.content == "You help more."
        (session,) = await gateway.user("ann").sessions.list()
        assert (session.session_id, session.metadata) == ("web:1", {"channel": "web", "agent": "Helper"})
        window = await gateway.user("bob").sessions.history("long", limit=3)
        assert [each.content for each in window] == ["line 227", "line 228", "line 229"]
