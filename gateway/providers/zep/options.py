"""What can be set about a Zep provider, and what cannot be set together."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from gateway.domain.units import Duration, Secret

CLOUD: Final = "https://api.getzep.com/api/v4"


def _duration(text: str) -> Any:
    return msgspec.field(default_factory=lambda: Duration(text))


class ZepOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    api_key: Annotated[Secret, Meta(description="The key of the Zep project.")]
    base_url: Annotated[
        str,
        Meta(description="Where the version 4 API is, path included. Zep's cloud where left out."),
    ] = CLOUD
    prefix: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9]{1,24}$",
            description="Begins the name of every Zep user made here: two gateways with different prefixes share a project without meeting.",
        ),
    ] = "mg"
    scope: Annotated[
        Literal["episodes", "edges", "nodes"],
        Meta(
            description="What search finds: episodes (the records as they were kept), edges (facts) or nodes (entities) that Zep has learned. Facts and entities are listed too."
        ),
    ] = "episodes"
    expired_facts: Annotated[
        bool, Meta(description="Whether facts that are no longer true are found and listed; they say since when.")
    ] = True
    reranker: Annotated[
        Literal["cross_encoder", "rrf"],
        Meta(
            description="How Zep ranks what it finds. Only cross_encoder gives scores that compare between questions."
        ),
    ] = "cross_encoder"
    auto_summarize: Annotated[
        bool,
        Meta(description="Whether contexts use Zep's context block and thread summary. Without, raw messages."),
    ] = True
    wait: Annotated[
        bool,
        Meta(
            description="Acknowledge a write only when Zep has taken it in, so that a search right after finds it. Reading by id and listing need no wait."
        ),
    ] = False
    wait_timeout: Annotated[Duration, Meta(description="How long to wait for Zep to take in, or to remove.")] = (
        _duration("30s")
    )
    timeout: Annotated[Duration, Meta(description="For one request to Zep.")] = _duration("10s")
    connect_timeout: Annotated[Duration, Meta(description="For connecting to Zep.")] = _duration("3s")
    connections: Annotated[int, Meta(ge=1, le=256, description="Requests to Zep at once.")] = 16
    chunk_characters: Annotated[
        int,
        Meta(
            ge=200,
            le=9_000,
            description="Longer texts are kept as several messages or episodes. Zep's free plans take messages of 2500 characters.",
        ),
    ] = 9_000

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("`base_url` is an http or https URL such as https://api.getzep.com/api/v4")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("`base_url` holds no credentials or query; the key goes to `api_key`")
        if not self.api_key.reveal().strip():
            raise ValueError("`api_key` is empty; write api_key: ${env:ZEP_API_KEY} and set the variable")
