"""LangGraph over a gateway: a checkpointer and a store, for graphs that are invoked and graphs that are awaited alike.

from gateway.client import Gateway
from gateway.client.frameworks.langgraph import GatewaySaver, GatewayStore

ann = Gateway("http://localhost:8080", api_key=key).user("ann")
graph = builder.compile(checkpointer=GatewaySaver(ann), store=GatewayStore(ann))
"""

from gateway.client.frameworks.langgraph.saver import GatewaySaver
from gateway.client.frameworks.langgraph.store import GatewayStore

__all__ = ["GatewaySaver", "GatewayStore"]
