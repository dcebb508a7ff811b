"""mem0: a drop-in for its AsyncMemory whose memories a gateway keeps. It needs no mem0, and a gateway with `faces: {mem0: true}`."""

from gateway.client.frameworks.mem0.memory import AsyncMemory

__all__ = ["AsyncMemory"]
