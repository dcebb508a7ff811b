"""A language model behind a route: clients talk to it through the gateway, which adds what is remembered and keeps what
is said."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.config.model.words import Keys, Name
from gateway.domain.units import Duration


class Inject(Keys, frozen=True, kw_only=True):
    """What is added is what a search with the last message finds on this route, by its `retrieval`; how it reads is its
    `context`."""

    memories: Annotated[bool, Meta(description="false: nothing is added.")] = True
    placement: Annotated[
        Literal["late", "first"],
        Meta(
            description="late: just before the last message, so that what comes before stays in the model's cache; "
            "first: at the end of the system prompt."
        ),
    ] = "late"
    timeout: Annotated[Duration, Meta(description="How long memories are waited for.")] = field(
        default_factory=lambda: Duration("2s")
    )
    on_error: Annotated[
        Literal["proceed", "refuse"],
        Meta(description="While memories cannot be had: go on without, with a header that says so; or 503."),
    ] = "proceed"


class Proxy(Keys, frozen=True, kw_only=True):
    """Who calls /v1/chat/completions, /v1/responses or /v1/messages on this route talks to the upstream."""

    upstream: Annotated[Name, Meta(description="A name from `upstreams:`.")] | None = None
    inject: Annotated[Inject, Meta(description="What is added to what the client says.")] = field(
        default_factory=Inject
    )
    memory_summary_in_system: Annotated[
        bool, Meta(description="Whether memories are a system's words; false: they stand at the head of the user's.")
    ] = True
    auto_store: Annotated[bool, Meta(description="Keep what the user said and what the model answered.")] = False
    store_after_turns: Annotated[
        int, Meta(ge=1, le=100, description="Store every so many turns of a conversation, all of them together.")
    ] = 1
    models: Annotated[
        tuple[str, ...], Meta(description="Models that may be asked for; a name, or a prefix ending in *.")
    ] = ("*",)
