"""PydanticAI over a gateway: a capability that recalls and keeps by itself, the memory interface of PydanticAI's
documentation (which the package itself does not have), and conversations that go on in another process.

from gateway.client import AsyncGateway
from gateway.client.frameworks.pydanticai import GatewayMemory, GatewayMemoryProvider

provider = GatewayMemoryProvider(AsyncGateway("http://localhost:8080", api_key=key))
agent = Agent(model, capabilities=[GatewayMemory(provider, user_id="ann")])
"""

from gateway.client.frameworks.pydanticai.capability import GatewayMemory
from gateway.client.frameworks.pydanticai.context import MemoryContext
from gateway.client.frameworks.pydanticai.conversations import (
    append_history,
    load_conversation,
    load_history,
    save_conversation,
)
from gateway.client.frameworks.pydanticai.files import memory_tool
from gateway.client.frameworks.pydanticai.provider import GatewayMemoryProvider
from gateway.client.frameworks.pydanticai.words import (
    BaseMemoryProvider,
    MemoryConfig,
    MemoryProvider,
    MemoryScope,
    RetrievalStrategy,
    RetrievedMemory,
    StoredMemory,
)

__all__ = [
    "BaseMemoryProvider",
    "GatewayMemory",
    "GatewayMemoryProvider",
    "MemoryConfig",
    "MemoryContext",
    "MemoryProvider",
    "MemoryScope",
    "RetrievalStrategy",
    "RetrievedMemory",
    "StoredMemory",
    "append_history",
    "load_conversation",
    "load_history",
    "memory_tool",
    "save_conversation",
]
