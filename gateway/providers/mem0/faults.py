"""What went wrong in mem0, in words that hold no contents and no credentials."""

from typing import Any, Final, cast

from gateway.domain.errors import GatewayError, Unavailable

_MASK: Final = "••••"
_SECRETIVE: Final = ("key", "password", "secret", "token", "credential", "url", "connection")
# Names of mem0's exceptions, and what they mean here. Its messages may quote what was sent.
_MEANING: Final = {
    "AuthenticationError": ("mem0 does not accept the credentials", "refused"),
    "RateLimitError": ("mem0 takes no more requests for now", "rate_limited"),
    "MemoryQuotaExceededError": ("mem0's quota is used up", "quota"),
    "ValidationError": ("mem0 refuses what it was given", "not_accepted"),
    "TimeoutError": ("mem0 does not answer in time", "timeout"),
    "LLMError": ("the language model behind mem0 does not answer", "model"),
    "EmbeddingError": ("the embedder behind mem0 does not answer", "embedder"),
    "APIConnectionError": ("the model server behind mem0 does not answer", "model"),
    "APITimeoutError": ("the model server behind mem0 does not answer in time", "model"),
}


def in_words(error: BaseException, name: str) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    kind = type(error).__name__
    said, code = _MEANING.get(kind, (f"mem0 does not answer ({kind})", "unavailable"))
    return Unavailable(f"{name}: {said}", code=code)


def at_start(error: BaseException, name: str, config: dict[str, Any] | None) -> GatewayError:
    """mem0's own message, for whoever wrote the block, without the values that it quotes."""
    if isinstance(error, GatewayError):
        return error
    errors = getattr(error, "errors", None)
    if callable(errors):  # pydantic's: its plain text quotes the input
        found = cast("list[dict[str, Any]]", errors(include_input=False, include_url=False, include_context=False))
        told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'config'}: {each['msg']}" for each in found)
    else:
        told = str(error) or type(error).__name__
    for secret in sorted(_secrets(config), key=len, reverse=True):
        told = told.replace(secret, _MASK)
    return Unavailable(f"{name}: mem0 does not start: {told}", code="not_started")


def _secrets(value: Any, *, hidden: bool = False) -> set[str]:
    """Every text in the block that stands under a key whose name says that it could be a credential."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return set[str]().union(
            *(_secrets(each, hidden=hidden or any(word in key.lower() for word in _SECRETIVE)) for key, each in pairs)
        )
    if isinstance(value, list):
        return set[str]().union(*(_secrets(each, hidden=hidden) for each in cast("list[Any]", value)))
    return {value} if hidden and isinstance(value, str) and len(value) > 3 else set()
