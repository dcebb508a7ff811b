"""A graph of LangGraph whose threads go on, and whose facts are found, wherever it runs next.

    memory-gateway serve examples/langgraph/gateway.yaml
    python examples/langgraph/assistant.py http://127.0.0.1:8080 ada monday "I like strong coffee"
    python examples/langgraph/assistant.py http://127.0.0.1:8080 ada tuesday "What do I like to drink, coffee?"

There is no model in it, only steps: put one into `answer`.
"""

# pyright: basic
# LangGraph has annotations of its own, but no stubs, and not everywhere.

import hashlib
import operator
import sys
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore

from gateway.client import Gateway
from gateway.client.frameworks.langgraph import GatewaySaver, GatewayStore

FACTS = ("facts",)


class Talk(TypedDict):
    said: Annotated[list[str], operator.add]
    answer: str


def remember(state: Talk, *, store: BaseStore) -> dict[str, Any]:
    """What is no question is a fact; the same one is kept once."""
    text = state["said"][-1]
    if not text.endswith("?"):
        store.put(FACTS, hashlib.sha256(text.encode()).hexdigest(), {"text": text})
    return {}


def answer(state: Talk, *, store: BaseStore) -> dict[str, Any]:
    found = store.search(FACTS, query=state["said"][-1], limit=1)
    known = found[0].value["text"] if found else "nothing yet"
    return {"answer": f"{len(state['said'])} said in this thread; I know: {known}"}


def assistant(gateway: Gateway) -> Any:
    graph = StateGraph(Talk)
    graph.add_node("remember", remember)
    graph.add_node("answer", answer)
    graph.add_edge(START, "remember")
    graph.add_edge("remember", "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=GatewaySaver(gateway), store=GatewayStore(gateway))


if __name__ == "__main__":
    url, user, thread, text = sys.argv[1:]
    with Gateway(url, user_id=user) as connected:
        reply = assistant(connected).invoke({"said": [text]}, {"configurable": {"thread_id": thread}})
        print(reply["answer"])
