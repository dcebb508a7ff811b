"""All phrases of all languages that are not the gateway's own."""

from typing import Final

from gateway.faces.compat.langgraph.phrases import STORE as LANGGRAPH
from gateway.faces.compat.mem0.phrases import PLATFORM as MEM0
from gateway.faces.compat.mem0_open.phrases import OPEN as MEM0_OPEN
from gateway.faces.http.exchange import Phrase
from gateway.faces.llm.phrases import PHRASES as LLM
from gateway.faces.mcp.server import PHRASES as MCP

PHRASES: Final[tuple[Phrase, ...]] = (*MEM0, *MEM0_OPEN, *LANGGRAPH, *LLM, *MCP)
