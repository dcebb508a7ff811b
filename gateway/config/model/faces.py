"""Which languages the gateway speaks beside its own."""

from typing import Annotated

from msgspec import Meta

from gateway.config.model.words import Keys


class Faces(Keys, frozen=True, kw_only=True):
    """Each serves clients that exist already: they change the address they call, and nothing else.

    Clients that cannot send a credential or a route of ours have both in that address: `/t/<key>` and `/r/<route>`
    before any path.
    """

    mem0: Annotated[bool, Meta(description="mem0's clients, of the platform and of the open server.")] = False
    agent_memory: Annotated[bool, Meta(description="Clients of the agent-memory server.")] = False
    langgraph: Annotated[bool, Meta(description="LangGraph's SDK, its store.")] = False
    openai: Annotated[bool, Meta(description="Clients of OpenAI's models, led to the route's `proxy`.")] = False
    anthropic: Annotated[bool, Meta(description="Clients of Anthropic's models, led to the route's `proxy`.")] = False
    mcp: Annotated[bool, Meta(description="Tools of the Model Context Protocol, at /mcp.")] = False
    origins: Annotated[
        tuple[str, ...],
        Meta(description="Web pages that may use /mcp, as browsers name them: `https://chat.example.com`."),
    ] = ()
