"""What can be known of the ONNX embedder before its model is there."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from gateway.domain.ports import Embedder, Kit
from gateway.embedders.fastembed import FastEmbed, FastEmbedOptions

KIT = Kit(name="onnx", clock=lambda: datetime.now(UTC), home=Path())


def options(**given: object) -> FastEmbedOptions:
    return msgspec.convert(given, FastEmbedOptions)


def test_the_dimension_is_known_without_loading_anything() -> None:
    embedder = FastEmbed(options(), KIT)
    assert isinstance(embedder, Embedder)
    assert embedder.dimension == 384
    assert FastEmbed(options(model="BAAI/bge-base-en-v1.5"), KIT).dimension == 768
    assert FastEmbed(options(model="own/model", dimension=77), KIT).dimension == 77


def test_a_model_of_unknown_dimension_is_refused_with_what_to_do() -> None:
    with pytest.raises(msgspec.ValidationError, match="dimension"):
        options(model="own/model")


def test_a_dimension_below_one_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        options(dimension=-1)
