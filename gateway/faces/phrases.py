"""All phrases of all languages that are not the gateway's own."""

from typing import Final

from gateway.faces.compat.phrases import PHRASES as COMPAT
from gateway.faces.http.exchange import Phrase
from gateway.faces.llm.phrases import PHRASES as LLM
from gateway.faces.mcp.server import PHRASES as MCP

PHRASES: Final[tuple[Phrase, ...]] = (*COMPAT, *LLM, *MCP)
