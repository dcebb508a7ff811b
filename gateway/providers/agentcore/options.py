"""What the YAML may say of an AgentCore memory. Whether the service knows the memory is not asked here."""

from typing import Annotated, Literal

from msgspec import Meta

from gateway.providers.agentcore.learned import Strategy
from gateway.providers.agentcore.naming import check_template
from gateway.providers.aws import Access

_PART = Literal["tenant", "space", "user", "agent", "run"]


class AgentcoreOptions(Access, frozen=True, kw_only=True, forbid_unknown_fields=True):
    memory_id: Annotated[
        str,
        Meta(
            pattern=r"^(arn:[a-z-]+:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:memory/)?[a-zA-Z][a-zA-Z0-9_-]{0,99}-[a-zA-Z0-9]{10}$",
            description="The memory, as the service named it, with the indexed keys that the documentation lists.",
        ),
    ]
    actor_id: Annotated[
        tuple[_PART, ...], Meta(min_length=1, description="The parts of a scope that are the actor of an event.")
    ] = ("tenant", "space", "user", "agent")
    session_id: Annotated[
        tuple[_PART, ...],
        Meta(min_length=1, max_length=2, description="The parts of a scope that are the session of an event."),
    ] = ("run",)
    namespace: Annotated[
        str, Meta(description="Where memory records go: {tenant} {space} {user} {agent} {run} {kind} in any order.")
    ] = "/tenants/{tenant}/{space}/users/{user}/{agent}/{run}/{kind}/"
    strategy: Annotated[str, Meta(description="Id of the strategy that memory records are filed under.")] | None = None
    strategies: Annotated[
        tuple[Strategy, ...],
        Meta(description="Strategies that learn from messages; searches look into what they learned as well."),
    ] = ()
    connections: Annotated[
        int, Meta(ge=1, description="Requests at once. Many more hold up whatever else the gateway does.")
    ] = 8
    metadata_keys: Annotated[
        tuple[str, ...],
        Meta(max_length=5, description="Keys of the metadata that the service filters by. Set before the first write."),
    ] = ()

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        check_template(self.namespace, "namespace")
        if "{kind}" not in self.namespace:
            raise ValueError("`namespace` holds {kind}, so that summaries are not found where memories are looked for")
        named = (*self.actor_id, *self.session_id)
        if len(set(named)) < len(named):
            raise ValueError("`actor_id` and `session_id` name a part of the scope once")
