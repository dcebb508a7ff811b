"""The YAML keys of the mem0 provider. Knows how mem0's block is written, never what mem0 does with it."""

import os.path
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta, field

from gateway.domain.units import Duration, Secret

_OURS: Final = frozenset({
    "messages", "user_id", "agent_id", "app_id", "run_id", "filters", "metadata", "infer", "expiration_date",
    "timestamp", "options", "async_mode",
})  # fmt: skip
_LIBRARY: Final = frozenset({"memory_type", "prompt"})
_PROCEDURAL: Final = "procedural_memory"


class Mem0Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config` means mem0's library in this process; without it, the hosted platform."""

    api_key: (
        Annotated[Secret, Meta(description="Of the hosted platform; without it, MEM0_API_KEY of the environment.")]
        | None
    ) = None
    host: (
        Annotated[str, Meta(min_length=1, description="URL of the hosted platform; https://api.mem0.ai if unset.")]
        | None
    ) = None
    org_id: (
        Annotated[str, Meta(min_length=1, description="The organisation the key must belong to; checked at start-up.")]
        | None
    ) = None
    project_id: (
        Annotated[str, Meta(min_length=1, description="The project the key must belong to; checked at start-up.")]
        | None
    ) = None
    config: (
        Annotated[
            dict[str, Any],
            Meta(description="mem0's own configuration (vector_store, embedder, llm, ...), handed to its library."),
        ]
        | None
    ) = None
    folder: Annotated[str, Meta(min_length=1, description="Where mem0's library keeps its own small files.")] = (
        "data/mem0"
    )
    extraction: Annotated[
        dict[str, Any],
        Meta(
            description="What mem0's `add` is given beside the messages it learns from: `custom_instructions` and others "
            "of the platform, `prompt` or `memory_type: procedural_memory` of the library."
        ),
    ] = {}
    rerank: Annotated[bool, Meta(description="Let mem0 rerank what its search finds.")] = False
    threads: Annotated[int, Meta(ge=1, le=64, description="Calls of mem0's library at the same time.")] = 8
    timeout: Annotated[Duration, Meta(description="Of one call of mem0.")] = field(
        default_factory=lambda: Duration("30s")
    )
    extract_timeout: Annotated[Duration, Meta(description="Of learning from messages, which waits for a model.")] = (
        field(default_factory=lambda: Duration("120s"))
    )

    def __post_init__(self) -> None:
        self._check_extraction()
        if self.config is None:
            return
        hosted = [name for name in ("api_key", "host", "org_id", "project_id") if getattr(self, name) is not None]
        if hosted:
            raise ValueError(
                f"`config` runs mem0 in this process and `{hosted[0]}` belongs to the hosted platform: give one of them"
            )
        store, settings = store_of(self.config)
        if store == "qdrant" and not any(settings.get(key) for key in ("path", "host", "url")):
            raise ValueError(
                "`config.vector_store` says nowhere to keep memories, and mem0 would use /tmp/qdrant: "
                "give its `config` a `host` and `port`, or a `path`"
            )

    def _check_extraction(self) -> None:
        ours = sorted(_OURS & self.extraction.keys())
        if ours:
            raise ValueError(f"`extraction.{ours[0]}` is the gateway's to say, by whose and what the messages are")
        unknown = [] if self.config is None else sorted(self.extraction.keys() - _LIBRARY)
        if unknown:
            raise ValueError(
                f"`extraction.{unknown[0]}` is nothing that mem0's library takes with messages: it takes `memory_type` "
                "and `prompt`; `custom_instructions` stands in its `config`"
            )
        if self.config is not None and self.extraction.get("memory_type", _PROCEDURAL) != _PROCEDURAL:
            raise ValueError(f"`extraction.memory_type` can only be `{_PROCEDURAL}`")

    @property
    def procedural(self) -> bool:
        """Whether the library makes one account of how something was done, instead of facts."""
        return self.extraction.get("memory_type") == _PROCEDURAL


def store_of(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and settings of the vector store that mem0 would use."""
    block = config.get("vector_store")
    written = cast("dict[str, Any]", block) if isinstance(block, dict) else {}
    settings = written.get("config")
    return str(written.get("provider", "qdrant")), cast("dict[str, Any]", settings) if isinstance(
        settings, dict
    ) else {}


def local_path(config: dict[str, Any] | None) -> str | None:
    """The folder of an embedded store, which only one process may use; None for a server."""
    if config is None:
        return None
    name, settings = store_of(config)
    path = settings.get("path")
    served = any(settings.get(key) for key in ("host", "url", "api_key"))
    return os.path.normpath(str(path)) if path and not (name == "qdrant" and served) else None
