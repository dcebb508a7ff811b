"""The drop-in beside mem0's own AsyncMemory: the same calls, the same shapes, the same refusals."""

import ast
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.client import AsyncGateway
from gateway.client.frameworks.mem0 import AsyncMemory
from gateway.client.frameworks.mem0.wanted import with_metadata

pytestmark = pytest.mark.xdist_group("frameworks")

METHODS = ("add", "search", "get_all", "get", "update", "delete", "delete_all", "history", "reset", "close")
UNTOLD = ("history.actor_id", "history.role")  # who said it is told by the memory, not by each step of its history
TURNS = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "I prefer dark mode", "name": "ann"},
    {"role": "assistant", "content": "noted, dark mode"},
]


def shape(value: Any) -> Any:
    """Keys and types, not values; of a list, those of its first."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]  # pyright: ignore[reportUnknownVariableType] - JSON
    return type(value).__name__


def covers(ours: Any, theirs: Any, at: str = "") -> None:
    """What mem0 gives is there, of the same type; more may be."""
    if isinstance(theirs, dict):
        for key, value in theirs.items():  # pyright: ignore[reportUnknownVariableType] - JSON
            assert key in ours, f"{at}.{key}"
            covers(ours[key], value, f"{at}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) >= len(theirs), at  # pyright: ignore[reportUnknownArgumentType] - JSON
        for one, other in zip(ours, theirs, strict=False):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] - JSON
            covers(one, other, at)
    elif theirs != "NoneType" and at not in UNTOLD:
        assert ours == theirs, at


async def session(memory: Any) -> dict[str, Any]:
    """One life of some memories, and what every call of it gave."""
    told: dict[str, Any] = {}
    told["add"] = await memory.add(TURNS, user_id="ann", metadata={"category": "pref", "prio": 3}, infer=False)
    await memory.add("tea is great", user_id="ann", agent_id="ag", run_id="r1", infer=False)
    await memory.add("bob likes tea", user_id="bob", infer=False)
    one = told["add"]["results"][0]["id"]
    told["search"] = await memory.search("I prefer dark mode", filters={"user_id": "ann"}, top_k=5, threshold=0.1)
    told["by metadata"] = await memory.search(
        "mode", filters={"user_id": "ann", "category": "pref", "prio": {"gte": 3}}, threshold=0.0
    )
    told["get_all"] = await memory.get_all(filters={"user_id": "ann", "run_id": "r1"})
    told["get"] = await memory.get(one)
    told["update"] = await memory.update(one, text="I prefer light mode", metadata={"category": "other"})
    told["updated"] = await memory.get(one)
    told["history"] = await memory.history(one)
    told["delete"] = await memory.delete(one)
    told["gone"] = await memory.get(one)
    for call in (memory.delete(one), memory.update(one, text="x")):
        with pytest.raises(ValueError, match="not found"):
            await call
    told["delete_all"] = await memory.delete_all(user_id="ann")
    told["left"] = await memory.get_all(filters={"user_id": "ann"})
    told["bob"] = await memory.get_all(filters={"user_id": "bob"})
    return told


async def test_a_life_of_memories_has_the_shapes_that_mem0_gives(memory: AsyncMemory, theirs: Any) -> None:
    expected, told = await session(theirs), await session(memory)
    for name, given in expected.items():
        covers(shape(told[name]), shape(given), name)
    for each in (expected, told):
        assert [(r["role"], r["event"]) for r in each["add"]["results"]] == [("user", "ADD"), ("assistant", "ADD")]
        assert each["add"]["results"][0]["actor_id"] == "ann"
        assert each["search"]["results"][0]["memory"] == "I prefer dark mode"
        assert len(each["by metadata"]["results"]) == 2
        assert [r["memory"] for r in each["get_all"]["results"]] == ["tea is great"]
        assert each["updated"]["memory"] == "I prefer light mode"
        assert (each["updated"]["metadata"]["category"], each["updated"]["metadata"]["prio"]) == ("other", 3)
        assert [h["event"] for h in each["history"]] == ["ADD", "UPDATE"]
        assert [(h["old_memory"], h["new_memory"]) for h in each["history"]][1] == (
            "I prefer dark mode",
            "I prefer light mode",
        )
        assert (each["gone"], each["left"]) == (None, {"results": []})
        assert [r["memory"] for r in each["bob"]["results"]] == ["bob likes tea"]
    for name in ("update", "delete", "delete_all"):
        assert told[name] == expected[name]


def test_its_methods_take_what_those_of_mem0_take() -> None:
    found = importlib.util.find_spec("mem0")
    assert found is not None and found.origin is not None
    tree = ast.parse((Path(found.origin).parent / "memory/main.py").read_text())
    (real,) = (each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == "AsyncMemory")
    methods = {each.name: each for each in real.body if isinstance(each, ast.AsyncFunctionDef | ast.FunctionDef)}
    for name in METHODS:
        theirs, ours = methods[name], getattr(AsyncMemory, name)
        taken = [each.arg for each in (*theirs.args.args, *theirs.args.kwonlyargs)]
        parameters = inspect.signature(ours).parameters
        assert [each for each in parameters if parameters[each].kind is not inspect.Parameter.VAR_KEYWORD] == taken, (
            name
        )
        assert inspect.iscoroutinefunction(ours) == isinstance(theirs, ast.AsyncFunctionDef)
        for argument, default in zip(theirs.args.kwonlyargs, theirs.args.kw_defaults, strict=True):
            if isinstance(default, ast.Constant):
                assert parameters[argument.arg].default == default.value, f"{name}({argument.arg})"


async def test_what_mem0_refuses_is_refused_before_anything_is_sent() -> None:
    memory = AsyncMemory(AsyncGateway("http://127.0.0.1:9"))
    wrong: Any = memory
    for call in (
        lambda: wrong.search("x", user_id="ann"),
        lambda: wrong.get_all(user_id="ann"),
        lambda: memory.search("x"),
        lambda: memory.get_all(filters={}),
        lambda: memory.search(" ", filters={"user_id": "ann"}),
        lambda: memory.search("x", filters={"user_id": "ann"}, threshold=2),
        lambda: memory.get_all(filters={"user_id": "ann"}, top_k=-1),
        lambda: memory.add("x", user_id="has space"),
        lambda: memory.add("x", user_id=" "),
        lambda: memory.add("x", user_id="ann", memory_type="odd"),
        memory.delete_all,
        lambda: memory.update("id"),
    ):
        with pytest.raises(ValueError):
            await call()
    assert await memory.search("x", filters={"user_id": "ann"}, top_k=0) == {"results": []}
    with pytest.raises(ValueError, match="gateway's own file"):
        AsyncMemory.from_config({"vector_store": {"provider": "qdrant"}})


async def test_a_memory_without_an_owner_is_mem0s_own_error_where_mem0_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = AsyncMemory(AsyncGateway("http://127.0.0.1:9"))
    monkeypatch.delitem(sys.modules, "mem0.exceptions", raising=False)
    with pytest.raises(ValueError, match="At least one of"):
        await memory.add("x")
    monkeypatch.setenv("MEM0_DIR", str(tmp_path))
    monkeypatch.setenv("MEM0_TELEMETRY", "False")
    theirs: Any = importlib.import_module("mem0.exceptions")
    with pytest.raises(theirs.ValidationError):
        await memory.add("x")


async def test_owners_expiry_and_pages_are_what_each_call_names(
    memory: AsyncMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture's client is bound to a user, which has no say: mem0 names another in every call, or an agent alone."""
    one = (await memory.add("agents know", agent_id="ag", infer=False))["results"][0]["id"]
    found = await memory.get(one)
    assert found is not None and (found["user_id"], found["agent_id"]) == (None, "ag")
    assert [each["id"] for each in (await memory.get_all(filters={"agent_id": "ag"}))["results"]] == [one]
    assert (await memory.get_all(filters={"user_id": "bound"}))["results"] == []

    # A day of expiry is kept, and taken away.
    one = (await memory.add("soon gone", user_id="ann", infer=False, expiration_date="2999-01-31"))["results"][0]["id"]
    assert ((await memory.get(one)) or {})["expiration_date"] == "2999-01-31"
    await memory.update(one, expiration_date=None)
    assert ((await memory.get(one)) or {})["expiration_date"] is None

    # More than a page is listed where it is asked for.
    monkeypatch.setattr("gateway.client.frameworks.mem0.memory.LARGEST", 10)
    await memory.add([{"role": "user", "content": f"memory {n}"} for n in range(25)], user_id="eve", infer=False)
    assert len((await memory.get_all(filters={"user_id": "eve"}))["results"]) == 20
    assert len((await memory.get_all(filters={"user_id": "eve"}, top_k=100))["results"]) == 25


def test_filters_of_metadata_are_told_apart_however_deep() -> None:
    given = {"user_id": "a", "OR": [{"topic": "x"}, {"NOT": [{"n": {"gt": 1}}]}], "metadata": {"m": 1}, "k": "v"}
    assert with_metadata(given) == {
        "user_id": "a",
        "OR": [{"metadata": {"topic": "x"}}, {"NOT": [{"metadata": {"n": {"gt": 1}}}]}],
        "metadata": {"m": 1, "k": "v"},
    }
