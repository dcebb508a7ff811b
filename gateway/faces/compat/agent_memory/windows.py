"""How much of a model's context window a conversation takes. Pure: the counting is the route's."""

from typing import Final

_LARGE: Final = 128_000
_OTHERS: Final = {
    "gpt-3.5-turbo": 4_096, "gpt-3.5-turbo-16k": 16_384, "gpt-4": 8_192, "gpt-4-32k": 32_768,
    "o1": 200_000, "o3-mini": 200_000, "gpt-5-mini": 400_000, "gpt-5-nano": 400_000,
    "text-embedding-ada-002": 8_191, "text-embedding-3-small": 8_191, "text-embedding-3-large": 8_191,
}  # fmt: skip
_CLAUDE: Final = 200_000
SUMMARIZED_AT: Final = 0.7  # of the window, where the agent-memory server begins to sum up


def window(model: str | None, most: int | None) -> int | None:
    """Its size in tokens: what the client says, or what its model has; None where it says neither."""
    if most is not None:
        return most
    if model is None:
        return None
    return _OTHERS.get(model, _CLAUDE if model.startswith("claude") else _LARGE)


def shares(tokens: int, size: int | None) -> tuple[float | None, float | None]:
    """In percent, at most 100: of the window, and of what it may take before it is summed up."""
    if size is None:
        return None, None
    return min(100.0, 100 * tokens / size), min(100.0, 100 * tokens / (size * SUMMARIZED_AT))
