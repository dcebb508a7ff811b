"""Vector search as Atlas answers it, by looking at every vector: the index must be there and know each filtered field."""

import math
import struct
from collections.abc import Iterator, Sequence
from heapq import nlargest
from typing import Any, Final

from bson.binary import Binary

from .matching import compiled, fields
from .store import Collection
from .wire import Refused
from .writing import known

SCORE: Final = "\0score"  # no stored document can have it


def search_index(spec: dict[str, Any]) -> dict[str, Any]:
    """The index as it is listed: here it is ready at once, which on Atlas takes minutes."""
    known(spec, "name", "type", "definition")
    if spec.get("type") != "vectorSearch":
        raise Refused(2, "only search indexes of type vectorSearch are offered here")
    for field in spec["definition"]["fields"]:
        if field["type"] == "vector" and field["similarity"] not in ("dotProduct", "cosine"):
            raise Refused(2, f"similarity {field['similarity']!r} is not offered here")
    return {
        "id": spec["name"], "name": spec["name"], "type": "vectorSearch", "status": "READY", "queryable": True,
        "latestDefinition": spec["definition"],
    }  # fmt: skip


def vector_search(held: Collection | None, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents by falling score, with it under SCORE. Without the index there is nothing, as on Atlas."""
    known(wanted, "index", "path", "queryVector", "filter", "limit", "exact", "numCandidates")
    index = held.searches.get(wanted["index"]) if held else None
    if held is None or index is None:
        return
    if wanted.get("exact", False) is ("numCandidates" in wanted):
        raise Refused(2, "one of exact and numCandidates must be given")
    if wanted.get("numCandidates", wanted["limit"]) < wanted["limit"] or wanted["limit"] < 1:
        raise Refused(2, "limit must be positive and not above numCandidates")
    named = index["latestDefinition"]["fields"]
    vectors = {each["path"]: each for each in named if each["type"] == "vector"}
    filters = {each["path"] for each in named if each["type"] == "filter"}
    field = vectors.get(wanted["path"])
    if field is None:
        raise Refused(2, f"{wanted['path']} is not indexed as vector")
    query = numbers(wanted["queryVector"])
    if len(query) != field["numDimensions"]:
        raise Refused(
            2, f"vector field is indexed with {field['numDimensions']} dimensions but queried with {len(query)}"
        )
    unknown = fields(wanted.get("filter", {})) - filters
    if unknown:
        raise Refused(2, f"Path {min(unknown)!r} needs to be indexed as filter")
    matches = compiled(wanted.get("filter", {}))
    cosine = field["similarity"] == "cosine"
    scored: list[tuple[float, dict[str, Any]]] = []
    for document in held.documents.values():
        if isinstance(document.get(wanted["path"]), list | Binary) and matches(document):
            score = _score(query, numbers(document[wanted["path"]]), cosine=cosine)
            if score is not None:
                scored.append((score, document))
    for score, document in nlargest(wanted["limit"], scored, key=lambda each: each[0]):
        yield document | {SCORE: score}


def numbers(value: Any) -> Sequence[float]:
    """A list, or BSON's packed float32 vector."""
    if isinstance(value, Binary):
        if value.subtype != 9 or value[:2] != b"\x27\x00":
            raise Refused(2, "only float32 vectors are offered here")
        return struct.unpack(f"<{(len(value) - 2) // 4}f", value[2:])
    return [float(each) for each in value]


def _score(query: Sequence[float], vector: Sequence[float], *, cosine: bool) -> float | None:
    """From 0 to 1, as Atlas normalises it; None where a vector is not in the index, for its size or for being zero."""
    if len(query) != len(vector):
        return None
    product = sum(map(lambda a, b: a * b, query, vector))
    if cosine:
        size = math.hypot(*query) * math.hypot(*vector)
        if not size:
            return None
        product /= size
    return (1 + product) / 2
