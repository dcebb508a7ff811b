"""All phrases of the languages that clients of other products speak."""

from typing import Final

from gateway.faces.compat.agent_memory.phrases import SERVER as AGENT_MEMORY
from gateway.faces.compat.langgraph.phrases import STORE as LANGGRAPH
from gateway.faces.compat.mem0.phrases import PLATFORM as MEM0
from gateway.faces.compat.mem0_open.phrases import OPEN as MEM0_OPEN
from gateway.faces.http.exchange import Phrase

PHRASES: Final[tuple[Phrase, ...]] = (*MEM0, *MEM0_OPEN, *AGENT_MEMORY, *LANGGRAPH)
