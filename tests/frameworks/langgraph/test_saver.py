"""Graphs over the checkpointer: they stop and go on, go back, and their values come back as the serializer made them."""

import operator
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.channels import DeltaChannel  # pyright: ignore[reportMissingTypeStubs]
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph  # pyright: ignore[reportMissingTypeStubs]
from langgraph.types import Command, Send, interrupt

from gateway.client import AsyncGateway, Gateway
from gateway.client.frameworks.langgraph import GatewaySaver


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def asking_graph(saver: BaseCheckpointSaver[Any]) -> Any:
    def ask(_: Log) -> dict[str, Any]:
        return {"log": [f"said {interrupt('go on?')}"]}

    def first(_: Log) -> dict[str, Any]:
        return {"log": ["first"]}

    graph: Any = StateGraph(Log)
    graph.add_node("first", first)
    graph.add_node("ask", ask)
    graph.add_edge(START, "first")
    graph.add_edge("first", "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=saver)


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_a_graph_that_waits_goes_on_in_another_one(blocking: Gateway) -> None:
    paused = asking_graph(GatewaySaver(blocking)).invoke({"log": []}, thread("t/1 ü"))
    assert "__interrupt__" in paused
    done = asking_graph(GatewaySaver(blocking)).invoke(Command(resume="yes"), thread("t/1 ü"))
    assert done["log"] == ["first", "said yes"]


async def test_a_graph_that_waits_goes_on_when_it_is_awaited(awaiting: AsyncGateway, blocking: Gateway) -> None:
    for gateway in (awaiting, blocking):  # what blocks can be awaited too
        name = type(gateway).__name__
        await asking_graph(GatewaySaver(gateway)).ainvoke({"log": []}, thread(name))
        done = await asking_graph(GatewaySaver(gateway)).ainvoke(Command(resume="yes"), thread(name))
        assert done["log"] == ["first", "said yes"]
    states = [state async for state in asking_graph(GatewaySaver(awaiting)).aget_state_history(thread("Gateway"))]
    assert [state.values["log"] for state in states] == [["first", "said yes"], ["first"], [], []]


async def test_what_can_only_be_awaited_says_so(awaiting: AsyncGateway) -> None:
    with pytest.raises(TypeError, match="make it with a Gateway"):
        GatewaySaver(awaiting).get_tuple(thread("t"))


def branched(saver: BaseCheckpointSaver[Any]) -> list[Any]:
    """Goes on, goes back, changes what was, goes on from there: every state that leaves behind."""
    graph = asking_graph(saver)
    graph.invoke({"log": []}, thread("t"))
    waited = graph.get_state(thread("t"))
    graph.invoke(Command(resume="yes"), thread("t"))
    changed = graph.update_state(waited.config, {"log": ["changed"]}, as_node="first")
    graph.invoke(None, changed)
    graph.invoke(Command(resume="no"), thread("t"))
    graph.update_state(thread("t"), {"log": ["late"]})
    states = list(graph.get_state_history(thread("t")))
    at = {state.config["configurable"]["checkpoint_id"]: n for n, state in enumerate(states)}
    parents = [state.parent_config and at[state.parent_config["configurable"]["checkpoint_id"]] for state in states]
    return [(state.values, state.next, state.metadata, parent) for state, parent in zip(states, parents, strict=True)]


def test_a_graph_that_goes_back_and_branches_off_leaves_what_it_does_in_memory(blocking: Gateway) -> None:
    found = branched(GatewaySaver(blocking))
    assert found == branched(InMemorySaver())
    assert found[0][0]["log"] == ["first", "changed", "said no", "late"]


def test_more_parallel_steps_than_one_request_holds_are_not_done_twice(blocking: Gateway) -> None:
    """130 tasks beside each other, one of which fails at first: the others' writes are kept and used."""
    done: list[int] = []
    failing = [True]

    class Many(TypedDict):
        found: Annotated[list[int], operator.add]

    def work(state: Any) -> dict[str, Any]:
        if state["n"] == 7 and failing[0]:
            raise RuntimeError("not yet")
        done.append(state["n"])
        return {"found": [state["n"]]}

    def fan(_: Many) -> list[Send]:
        return [Send("work", {"n": n}) for n in range(130)]

    graph: Any = StateGraph(Many)
    graph.add_node("work", work)
    graph.add_conditional_edges(START, fan, ["work"])
    compiled = graph.compile(checkpointer=GatewaySaver(blocking))
    with pytest.raises(RuntimeError, match="not yet"):
        compiled.invoke({"found": []}, {**thread("t"), "max_concurrency": 4})
    kept = len(done)
    failing[0] = False
    assert sorted(compiled.invoke(None, thread("t"))["found"]) == list(range(130))
    assert kept > 0 and len(done) == 130


VALUES = {
    "bytes": b"\x00\xff\n", "time": datetime(2026, 1, 1, tzinfo=UTC), "uuid": UUID(int=7), "set": {1, 2},
    "big": 2**62, "nul": "a\0b", "text": "ünïcode \U0001f600", "tuple": (1, "a"), "nan": [1.5, None],
}  # fmt: skip


@pytest.mark.parametrize("serde", [JsonPlusSerializer(), JsonPlusSerializer(pickle_fallback=True)])
def test_what_the_serializer_made_comes_back(blocking: Gateway, serde: JsonPlusSerializer) -> None:
    saver = GatewaySaver(blocking, serde=serde)
    messages = [HumanMessage("hi", id="1"), AIMessage("yes", id="2", tool_calls=[])]
    checkpoint = {**empty_checkpoint(), "channel_values": {**VALUES, "messages": messages}}
    saved = saver.put(thread("t"), checkpoint, {"source": "input", "step": -1, "odd": VALUES["uuid"]}, {})  # type: ignore[arg-type]
    saver.put_writes(saved, [("a", VALUES), ("b", b"\x01")], "task")
    found = saver.get_tuple(saved)
    assert found is not None
    made = serde.loads_typed(serde.dumps_typed(VALUES))
    assert found.checkpoint["channel_values"] == {**made, "messages": messages}
    assert found.metadata["odd"] == VALUES["uuid"]  # type: ignore[typeddict-item]
    assert found.pending_writes == [("task", "a", made), ("task", "b", b"\x01")]


def test_of_two_writes_of_a_place_the_first_stays_and_of_two_interrupts_the_last(blocking: Gateway) -> None:
    saver = GatewaySaver(blocking)
    saved = saver.put(thread("t"), empty_checkpoint(), {"source": "loop", "step": 0}, {})
    for value in ("one", "two"):
        saver.put_writes(saved, [("a", value), ("__interrupt__", value)], "task")
    found = saver.get_tuple(thread("t"))
    assert found is not None
    assert found.pending_writes == [("task", "__interrupt__", "two"), ("task", "a", "one")]


def test_threads_of_others_are_not_found(blocking: Gateway) -> None:
    asking_graph(GatewaySaver(blocking)).invoke({"log": []}, thread("t"))
    eve = GatewaySaver(blocking.user("eve"))
    assert eve.get_tuple(thread("t")) is None
    assert list(eve.list(None)) == []
    eve.delete_thread("t")
    eve.prune(["t"], strategy="delete")
    assert GatewaySaver(blocking).get_tuple(thread("t")) is not None
    known: list[Any] = [found.config for found in GatewaySaver(blocking).list(None)]
    assert {config["configurable"]["thread_id"] for config in known} == {"t"}


def appended(state: list[str], writes: Any) -> list[str]:
    return [*state, *(each for write in writes for each in write)]


def delta_graph(saver: BaseCheckpointSaver[Any]) -> Any:
    class Delta(TypedDict):
        log: Annotated[list[str], DeltaChannel(appended, snapshot_frequency=3)]

    def say(state: Delta) -> dict[str, Any]:
        return {"log": [f"turn {len(state['log'])}"]}

    graph: Any = StateGraph(Delta)
    graph.add_node("say", say)
    graph.add_edge(START, "say")
    graph.add_edge("say", END)
    return graph.compile(checkpointer=saver)


def talked(saver: BaseCheckpointSaver[Any], turns: int) -> Any:
    graph = delta_graph(saver)
    for n in range(turns):
        graph.invoke({"log": [f"hello {n}"]}, thread("t"))
    return graph


LOG = ["hello 0", "turn 1", "hello 1", "turn 3", "hello 2", "turn 5", "hello 3", "turn 7"]


def test_a_channel_kept_as_its_changes_is_rebuilt_and_outlives_pruning(blocking: Gateway) -> None:
    saver = GatewaySaver(blocking)
    graph = talked(saver, 4)
    assert graph.get_state(thread("t")).values["log"] == LOG
    before = len(list(saver.list(thread("t"))))
    saver.prune(["t"])
    left = list(saver.list(thread("t")))
    assert 1 < len(left) < before  # more than the newest, for it is made of those before it
    assert delta_graph(GatewaySaver(blocking)).get_state(thread("t")).values["log"] == LOG


async def test_a_channel_that_cannot_be_rebuilt_is_an_error_not_an_empty_one(
    awaiting: AsyncGateway, blocking: Gateway
) -> None:
    talked(GatewaySaver(blocking), 4)
    blocking.checkpoints.prune("t", keep=1)  # as a route's max_per_run would
    with pytest.raises(LookupError, match="max_per_run"):
        delta_graph(GatewaySaver(blocking)).get_state(thread("t"))
    with pytest.raises(LookupError, match="max_per_run"):
        await delta_graph(GatewaySaver(awaiting)).aget_state(thread("t"))

    class Silent(GatewaySaver):
        """As LangGraph has it, where a saver does not look."""

        get_delta_channel_history = BaseCheckpointSaver.get_delta_channel_history  # type: ignore[assignment]

    assert delta_graph(Silent(blocking)).get_state(thread("t")).values.get("log") != LOG


def test_what_is_put_ends_after_its_time(blocking: Gateway) -> None:
    GatewaySaver(blocking, ttl_seconds=3600).put(thread("t"), empty_checkpoint(), {"source": "loop", "step": 3}, {})
    (info,) = blocking.checkpoints.list("t")
    assert info.expires_at is not None
    assert (info.step_name, info.sequence) == ("loop", 3)
