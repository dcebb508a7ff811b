"""What the engine found, as JSON."""

from typing import TYPE_CHECKING, Any, TypeAlias

from qdrant_edge import SparseVector

if TYPE_CHECKING:
    from qdrant_edge import PayloadIndexInfo, PointId, Record, ScoredPoint  # some are names of the stubs alone

Json: TypeAlias = Any


def id_of(given: "PointId | None") -> Json:
    return given if given is None or isinstance(given, int) else str(given)


def point(found: "Record") -> Json:
    return {
        "id": id_of(found.id), "payload": found.payload, "vector": vector(found.vector), "order_value": found.order_value,
    }  # fmt: skip


def scored(found: "ScoredPoint") -> Json:
    return {
        "id": id_of(found.id), "version": found.version, "score": found.score, "payload": found.payload,
        "vector": vector(found.vector),
    }  # fmt: skip


def vector(found: Json) -> Json:
    if isinstance(found, SparseVector):
        return {"indices": found.indices, "values": found.values}
    if isinstance(found, dict):
        return {name: vector(each) for name, each in found.items()}  # pyright: ignore[reportUnknownVariableType] -- JSON
    return found


def index(found: "PayloadIndexInfo") -> Json:
    kind = str(found.data_type).rpartition(".")[2].lower()
    told: Json = {"data_type": kind, "points": found.points}
    tenant = getattr(found.params, "is_tenant", None)
    if tenant is not None:
        told["params"] = {"type": kind, "is_tenant": tenant}
    return told


def wanted(schema: Json) -> Json:
    """An index that the engine makes together with the first point."""
    given = {"type": schema} if isinstance(schema, str) else schema
    return {"data_type": given["type"], "points": 0, "params": given}
