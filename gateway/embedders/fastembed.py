"""Sentence encoders on ONNX, in this process, through the fastembed package.

The model is downloaded at the first start unless `model_path` names a folder that holds it. Each batch runs in a
thread; the runtime's own threads do the work.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final, cast

import msgspec
import numpy as np
from msgspec import Meta

from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Kit
from gateway.embedders.remembered import Remembered
from gateway.embedders.unit import unit

__all__ = ["FastEmbed"]

DIMENSIONS: Final = {
    "BAAI/bge-small-en-v1.5": 384,
    "BAAI/bge-base-en-v1.5": 768,
    "BAAI/bge-large-en-v1.5": 1024,
    "sentence-transformers/all-MiniLM-L6-v2": 384,
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": 384,
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": 768,
    "intfloat/multilingual-e5-large": 1024,
    "mixedbread-ai/mxbai-embed-large-v1": 1024,
    "nomic-ai/nomic-embed-text-v1.5": 768,
    "snowflake/snowflake-arctic-embed-s": 384,
    "thenlper/gte-large": 1024,
}


class FastEmbedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: Annotated[str, Meta(min_length=1, description="A name fastembed knows.")] = "BAAI/bge-small-en-v1.5"
    model_path: Annotated[str, Meta(description="A folder with the model's files, for hosts without a network.")] = ""
    dimension: Annotated[
        int, Meta(ge=1, le=8_192, description="Length of its vectors, for models not in our list.")
    ] = 0
    threads: Annotated[int, Meta(ge=1, le=256, description="Threads of the runtime.")] = 1
    batch: Annotated[int, Meta(ge=1, le=1_024, description="Texts in one run of the model.")] = 32
    cache: Annotated[int, Meta(ge=0, le=1_000_000, description="How many vectors of short texts to remember.")] = 4_096

    def __post_init__(self) -> None:
        if not self.dimension and self.model not in DIMENSIONS:
            raise ValueError(f"the length of {self.model}'s vectors is not known here: give it as `dimension`")


class FastEmbed:
    """One model in this process. Misconfigured at open where the model is missing or its vectors differ in length."""

    type_name: ClassVar[str] = "fastembed"
    Options: ClassVar[type[FastEmbedOptions]] = FastEmbedOptions
    requires: ClassVar[dict[str, str]] = {"fastembed": "fastembed"}

    def __init__(self, options: FastEmbedOptions, kit: Kit) -> None:
        self._options = options
        self._home = kit.home
        self._remembered = Remembered(options.cache)
        self._model: Any = None

    @property
    def dimension(self) -> int:
        return self._options.dimension or DIMENSIONS[self._options.model]

    async def open(self, stack: AsyncExitStack) -> None:
        self._model = await asyncio.to_thread(self._load)
        stack.callback(self._close)
        found = len((await asyncio.to_thread(self._run, ["length"]))[0]) // 4
        if found != self.dimension:
            raise Misconfigured(
                f"{self._options.model} makes vectors of {found}, not {self.dimension}", code="dimension_differs"
            )

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        blank = bytes(4 * self.dimension)
        found = [self._remembered.find(text) if text.strip() else blank for text in texts]
        missing = [n for n, vector in enumerate(found) if vector is None]
        if missing:
            made = await asyncio.to_thread(self._run, [texts[n] for n in missing])
            for n, vector in zip(missing, made, strict=True):
                found[n] = vector
                self._remembered.keep(texts[n], vector)
        return cast("list[bytes]", found)

    def _load(self) -> Any:
        from fastembed import TextEmbedding  # pyright: ignore  # noqa: PGH003  # optional, seldom installed

        options = self._options
        path = str(self._home / options.model_path) if options.model_path else None
        try:
            return cast("Any", TextEmbedding)(options.model, threads=options.threads, specific_model_path=path)
        except Exception as error:
            raise Misconfigured(f"{options.model} cannot be loaded: {error}", code="no_model") from error

    def _run(self, texts: list[str]) -> list[bytes]:
        return [unit(np.asarray(each)) for each in self._model.embed(texts, batch_size=self._options.batch)]

    def _close(self) -> None:
        self._model = None
