"""The local embedder: static token vectors out of the wordllama package, averaged. No network, no key, no model call.

Reads the package's two data files itself instead of importing it: the import configures logging and the loader knows
how to download, and neither has a place in a server. The vectors equal the library's `embed(norm=True)`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, cast

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Kit
from gateway.embedders.remembered import Remembered

__all__ = ["WordLlama"]

_INLINE: Final = 2_000  # characters that are embedded on the loop: under half a millisecond
_PIECE: Final = 4_096  # tokens whose vectors are looked up at a time


class WordLlamaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dimension: Annotated[Literal[64, 128, 256], Meta(description="Length of the vectors.")] = 256
    cache: Annotated[int, Meta(ge=0, le=1_000_000, description="How many vectors of short texts to remember.")] = 4_096


class WordLlama:
    """Averages of token vectors: quick, local, and closer to words than to meaning.

    Short texts are embedded at once, for a thread would cost more than they do; long ones in a thread.
    """

    type_name: ClassVar[str] = "wordllama"
    Options: ClassVar[type[WordLlamaOptions]] = WordLlamaOptions

    def __init__(self, options: WordLlamaOptions, kit: Kit) -> None:
        self._dimension: int = options.dimension
        self._blank = bytes(4 * options.dimension)
        self._remembered = Remembered(options.cache)
        self._tokenizer: Any = None
        self._table: NDArray[np.float32] = np.zeros((1, options.dimension), dtype=np.float32)

    @property
    def dimension(self) -> int:
        return self._dimension

    async def open(self, stack: AsyncExitStack) -> None:
        """Read tokenizer and table (about 50 MB in memory); Misconfigured where the package lacks them."""
        self._tokenizer, self._table = await asyncio.to_thread(_read, self._dimension)
        stack.callback(self._close)

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        found = [self._remembered.find(text) for text in texts]
        missing = [n for n, vector in enumerate(found) if vector is None]
        if not missing:
            return cast("list[bytes]", found)
        wanted = [texts[n] for n in missing]
        if sum(map(len, wanted)) <= _INLINE:
            made = [self._vector(text) for text in wanted]
        else:
            made = await asyncio.to_thread(lambda: [self._long_vector(text) for text in wanted])
        for n, vector in zip(missing, made, strict=True):
            found[n] = vector
            self._remembered.keep(texts[n], vector)
        return cast("list[bytes]", found)

    def _vector(self, text: str) -> bytes:
        return self._sum(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _long_vector(self, text: str) -> bytes:
        # `encode` keeps every other thread waiting until it is done; `encode_batch` lets them go on.
        return self._sum(self._tokenizer.encode_batch([text], add_special_tokens=False)[0].ids)

    def _sum(self, tokens: list[int]) -> bytes:
        total = np.add.reduce(self._table.take(tokens[:_PIECE], 0), 0)
        for start in range(_PIECE, len(tokens), _PIECE):
            total += np.add.reduce(self._table.take(tokens[start : start + _PIECE], 0), 0)
        length = float(np.sqrt(total.dot(total)))
        return (total / length).tobytes() if length else self._blank

    def _close(self) -> None:
        self._tokenizer, self._table = None, self._table[:1].copy()


def _read(dimension: int) -> tuple[Any, NDArray[np.float32]]:
    # Both come with wordllama; imported here so that other embedders do without them.
    import safetensors.numpy as tensors
    from tokenizers import Tokenizer

    package = folder()
    tokenizer = Tokenizer.from_file(str(package / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    weights = str(package / "weights" / "l2_supercat_256.safetensors")
    whole: NDArray[Any] = cast("Any", tensors).load_file(weights)["embedding.weight"]
    return tokenizer, np.ascontiguousarray(whole[:, :dimension], dtype="<f4")


def folder() -> Path:
    """Where the wordllama package keeps its files."""
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise Misconfigured("the package wordllama is not installed", code="missing_package")
    return Path(spec.origin).parent
