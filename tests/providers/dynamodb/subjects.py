"""For `pytest gateway/testing/clauses --conformance-subjects=tests.providers.dynamodb.subjects:HASH_ONLY`: the whole suite over a
table without a sort key. Minutes long over the stand-in, so no part of every run."""

from msgspec.structs import replace

from gateway.testing.subjects import Place
from tests.conformance.subjects import SUBJECTS

(_SORTED,) = [each for each in SUBJECTS if each.name == "dynamodb"]


def _options(place: Place) -> dict[str, object]:
    return {**_SORTED.options(place), "primary_key_name": "session_id", "sort_key_name": None}


HASH_ONLY = (replace(_SORTED, name="dynamodb-hash-only", options=_options),)
