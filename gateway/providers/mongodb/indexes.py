"""The indexes that the collection must have: made where they are missing, and never changed or dropped.

Knows what they are for: one scope in order, a tenant or one of its users in order, words, expiry, vectors.
"""

from typing import Any, Final

from pymongo import IndexModel, errors
from pymongo.operations import SearchIndexModel

from gateway.domain.errors import Unavailable
from gateway.providers.mongodb.connecting import Collection, awaited
from gateway.providers.mongodb.faults import CONFLICTS, told

INDEXES: Final[dict[str, tuple[str, ...]]] = {
    "gateway_scope": ("scope", "kind", "created", "id"),
    "gateway_tenant": ("tenant", "kind", "created", "id"),
    "gateway_user": ("tenant", "user_id", "kind", "created", "id"),
    "gateway_terms": ("tenant", "terms", "scope"),
    "gateway_expiry": ("expires_at",),
}
FILTERED: Final = ("tenant", "scope", "space", "user_id", "agent_id", "run_id", "kind", "expires")
_EXISTS: Final = 68  # IndexAlreadyExists


async def prepare(collection: Collection, name: str) -> None:
    """Idempotent, also for several processes at once."""
    with told(name):
        listing = await awaited(collection.database.list_collections(filter={"name": collection.name}))
        for found in await listing.to_list(None):
            if (
                found.get("type", "collection") != "collection"
                or {"collation", "capped"} & found.get("options", {}).keys()
            ):
                raise Unavailable(
                    f"{name}: the collection is a view, capped, or compares text by a language's rules (collation): "
                    "name another `collection`, which will be made",
                    code="mongodb_unfit_collection",
                )
        try:
            await collection.create_indexes([_model(each) for each in INDEXES])
        except errors.OperationFailure as error:
            if error.code not in CONFLICTS:
                raise
            raise await _in_the_way(collection, name) from None


async def prepare_search(collection: Collection, name: str, index: str, dimension: int) -> bool:
    """Whether the search index can be used yet. Making it takes the server minutes, and is not waited for."""
    with told(name):
        try:
            listing = await awaited(collection.list_search_indexes(index))
            found = await listing.to_list(None)
            if not found:
                await _make_search_index(collection, index, dimension)
                listing = await awaited(collection.list_search_indexes(index))
                found = await listing.to_list(None)
        except errors.OperationFailure as error:
            raise Unavailable(
                f"{name}: the server offers no vector search (code {error.code}): remove `vector_search`, and the gateway "
                "compares vectors itself",
                code="mongodb_no_vector_search",
            ) from None
    fields: list[dict[str, Any]] = found[0].get("latestDefinition", {}).get("fields", []) if found else []
    sizes = {
        each.get("numDimensions") for each in fields if each.get("type") == "vector" and each.get("path") == "vector"
    }
    missing = set(FILTERED) - {each.get("path") for each in fields if each.get("type") == "filter"}
    if fields and (sizes != {dimension} or missing):
        raise Unavailable(
            f"{name}: the search index {index!r} is not over `vector` with {dimension} dimensions, or does not know all of "
            f"{', '.join(FILTERED)}: drop it, and it will be made, or name another",
            code="mongodb_index_conflict",
        )
    return bool(found) and bool(found[0].get("queryable"))


async def _make_search_index(collection: Collection, index: str, dimension: int) -> None:
    """Another process may be making it at this moment."""
    try:
        await collection.create_search_index(_search_model(index, dimension))
    except errors.OperationFailure as error:
        if error.code != _EXISTS:
            raise


def _model(each: str) -> IndexModel:
    expiry = {"expireAfterSeconds": 0} if each == "gateway_expiry" else {}
    return IndexModel([(field, 1) for field in INDEXES[each]], name=each, **expiry)


def _search_model(index: str, dimension: int) -> SearchIndexModel:
    # The product, not the cosine: of unit vectors they are the same, and it is defined for a text without meaning too.
    vector = {"type": "vector", "path": "vector", "numDimensions": dimension, "similarity": "dotProduct"}
    fields = [vector, *({"type": "filter", "path": each} for each in FILTERED)]
    return SearchIndexModel({"fields": fields}, name=index, type="vectorSearch")


async def _in_the_way(collection: Collection, name: str) -> Unavailable:
    """Which index stands in the place of one of ours."""
    listing = await awaited(collection.list_indexes())
    for found in await listing.to_list(None):
        keys = tuple(found["key"])
        for each, ours in INDEXES.items():
            same = keys == ours and found.get("expireAfterSeconds") == (0 if each == "gateway_expiry" else None)
            if (found["name"] == each) != same or (keys == ours and not same):
                return Unavailable(
                    f"{name}: the collection's index {found['name']!r} stands in the place of our {each!r} on "
                    f"{', '.join(ours)}: drop it, or name another `collection`",
                    code="mongodb_index_conflict",
                )
    return Unavailable(f"{name}: an index of the collection is not as it must be", code="mongodb_index_conflict")
