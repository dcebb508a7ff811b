"""Every client that the suite runs. One line here puts it into the matrix."""

from tests.faces.compat.agent_memory.cases import AGENT_MEMORY
from tests.faces.compat.langgraph.cases import LANGGRAPH
from tests.faces.compat.mem0.cases import MEM0
from tests.faces.compat.proofs import Client

CLIENTS: tuple[Client, ...] = (MEM0, AGENT_MEMORY, LANGGRAPH)
