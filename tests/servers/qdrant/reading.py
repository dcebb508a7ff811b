"""What a request asks for, as the engine's own objects. Only what is used is known; anything else is an error."""

from typing import Any, TypeAlias, cast

from qdrant_edge import (
    Direction,
    FieldCondition,
    Filter,
    Fusion,
    HasIdCondition,
    HasVectorCondition,
    IdfParams,
    IntegerIndexParams,
    IsEmptyCondition,
    IsNullCondition,
    KeywordIndexParams,
    MatchAny,
    MatchExcept,
    MatchValue,
    OrderBy,
    PayloadSchemaType,
    PayloadSelector,
    Prefetch,
    Query,
    QueryRequest,
    RangeFloat,
    SearchParams,
    SparseVector,
)  # fmt: skip

Json: TypeAlias = Any

_TYPES = {
    each: getattr(PayloadSchemaType, each.capitalize()) for each in ("keyword", "integer", "float", "bool", "uuid")
}


def schema(given: Json) -> Json:
    if isinstance(given, str):
        return _TYPES[given]
    options = {key: value for key, value in given.items() if key != "type" and value is not None}
    match given["type"]:
        case "keyword":
            return KeywordIndexParams(**options)
        case "integer":
            return IntegerIndexParams(**options)
        case other:
            raise ValueError(f"an index of type {other}")


def vectors(given: Json) -> Json:
    if not isinstance(given, dict):
        return given
    held = cast("dict[str, Json]", given)
    if "indices" in held:
        return SparseVector(held["indices"], held["values"])
    return {name: vectors(each) for name, each in held.items()}


def payload(given: Json) -> Json:
    if not isinstance(given, dict):
        return given
    held = cast("dict[str, list[str]]", given)
    return PayloadSelector.Exclude(held["exclude"]) if "exclude" in held else PayloadSelector.Include(held["include"])


def order(given: Json) -> OrderBy:
    direction = {"asc": Direction.Asc, "desc": Direction.Desc, None: None}[given.get("direction")]
    return OrderBy(given["key"], direction, given.get("start_from"))


def query(body: Json) -> QueryRequest:
    if body.get("prefetch"):
        return _fusion(body)
    given = body["query"]
    params: dict[str, Json] = body.get("params") or {}
    scope: dict[str, Json] = params.get("idf") or {}
    corpus = scope.get("corpus")
    idf = None if corpus is None else IdfParams(corpus=filter_of(corpus))
    return QueryRequest(
        limit=body.get("limit", 10),
        offset=body.get("offset") or 0,
        query=Query.Nearest(
            vectors(given["nearest"] if isinstance(given, dict) and "nearest" in given else given), body.get("using")
        ),
        filter=filter_of(body.get("filter")),
        params=SearchParams(exact=bool(params.get("exact")), hnsw_ef=params.get("hnsw_ef"), idf=idf),
        with_payload=payload(body.get("with_payload", False)),
        with_vector=body.get("with_vector", False),
    )


def _fusion(body: Json) -> QueryRequest:
    if body["query"] != {"fusion": "rrf"}:
        raise ValueError(f"the query {body['query']}")
    parts = [query(each) for each in body["prefetch"]]
    return QueryRequest(
        limit=body.get("limit", 10),
        prefetches=[
            Prefetch(limit=each.limit, query=each.query, params=each.params, filter=each.filter) for each in parts
        ],
        query=cast("Fusion", Fusion.Rrf(2)),  # Qdrant's own constant; to the stubs, a variant is no Fusion
        with_payload=payload(body.get("with_payload", False)),
        with_vector=body.get("with_vector", False),
    )


def filter_of(given: Json) -> Filter | None:
    if given is None:
        return None
    unknown = given.keys() - {"must", "should", "must_not", "min_should"}
    if unknown or given.get("min_should"):
        raise ValueError(f"a filter with {sorted(unknown) or 'min_should'}")
    return Filter(**{part: _conditions(given.get(part)) for part in ("must", "should", "must_not")})


def _conditions(given: Json) -> Json:
    if given is None:
        return None
    some = cast("list[Json]", given) if isinstance(given, list) else [given]
    return [_condition(each) for each in some]


def _condition(given: Json) -> Json:
    if given.keys() & {"must", "should", "must_not"}:
        return filter_of(given)
    if "has_id" in given:
        return HasIdCondition(set(given["has_id"]))
    if "has_vector" in given:
        return HasVectorCondition(given["has_vector"])
    if "is_empty" in given:
        return IsEmptyCondition(given["is_empty"]["key"])
    if "is_null" in given:
        return IsNullCondition(given["is_null"]["key"])
    said = {key for key, value in given.items() if value is not None}
    if said == {"key", "match"} and isinstance(given["match"].get("value"), bool):
        # The engine knows true from 1, its binding does not: so what is asked is whether there is anything at all.
        return Filter(must_not=[IsEmptyCondition(given["key"])])
    if said == {"key", "match"}:
        return FieldCondition(given["key"], match=_match(given["match"]))
    if said == {"key", "range"}:
        return FieldCondition(given["key"], range=RangeFloat(**given["range"]))
    raise ValueError(f"a condition with {sorted(said)}")


def _match(given: Json) -> Json:
    if "value" in given:
        return MatchValue(given["value"])
    if "any" in given:
        return MatchAny(given["any"])
    return MatchExcept(given["except"])
