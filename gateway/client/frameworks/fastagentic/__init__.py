"""FastAgentic: memory, session memory, checkpoints and durable runs kept by a gateway, and memories put before an agent.

Needs the extra `fastagentic`. Everything takes an AsyncGateway; where a class has no word for the user, bind the
gateway: `GatewaySessionMemory(gateway.user("ann"))`.
"""

from gateway.client.frameworks.fastagentic.checkpoints import GatewayCheckpointStore
from gateway.client.frameworks.fastagentic.durable import GatewayDurableStore
from gateway.client.frameworks.fastagentic.hooks import MemoryRejected
from gateway.client.frameworks.fastagentic.injecting import MemoryInjecting, inject_memory, route
from gateway.client.frameworks.fastagentic.memory import GatewayProvider
from gateway.client.frameworks.fastagentic.sessions import GatewaySessionMemory

__all__ = [
    "GatewayCheckpointStore",
    "GatewayDurableStore",
    "GatewayProvider",
    "GatewaySessionMemory",
    "MemoryInjecting",
    "MemoryRejected",
    "inject_memory",
    "route",
]
