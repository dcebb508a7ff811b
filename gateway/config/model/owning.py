"""Who owns a record, and where the parts of the owner come from."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from gateway.config.model.words import Keys

PartName: TypeAlias = Literal["user", "agent", "run"]


class ScopeTable(Keys, frozen=True, kw_only=True):
    """Which parts make the owner of a record. Parts in none of these lists are refused with 422."""

    require: Annotated[tuple[PartName, ...], Meta(description="Parts every request must bring.")] = ()
    allow: Annotated[
        tuple[PartName, ...], Meta(description="Parts that narrow the scope when a request brings them.")
    ] = ()
    any_of: Annotated[tuple[PartName, ...], Meta(description="Parts of which a request must bring at least one.")] = ()
    context: Annotated[
        tuple[PartName, ...], Meta(description="Parts that are noted with the record, but own nothing.")
    ] = ()


ScopeForm: TypeAlias = Annotated[
    Literal["user", "agent", "run", "global"] | tuple[PartName, ...] | ScopeTable,
    Meta(
        description="Who owns a record: `user`, `agent`, `run`, a list of them (all needed), `global` (the tenant), "
        "or a table of require/allow/any_of/context."
    ),
]

Template: TypeAlias = Annotated[
    str, Meta(description="Text with {request.user}, {header.x-user-id}, {claim.org.id} or {key.user} in it.")
]


class Identity(Keys, frozen=True, kw_only=True):
    """Where the scope parts come from. A list is tried in order; a template counts when all it names is there."""

    user: Template | tuple[Template, ...] = "{request.user}"
    agent: Template | tuple[Template, ...] = "{request.agent}"
    run: Template | tuple[Template, ...] = "{request.run}"
