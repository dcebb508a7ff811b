"""The one collection of a provider: made where it is missing, refused where it does not fit, and its few verbs.

All tenants share it, and every question names its scope, whose index Qdrant is told is a tenant's: so points of one
scope lie together, and no collection or index grows with the number of tenants. Knows points, not records.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from qdrant_client import models

from gateway.domain.errors import Misconfigured, Unavailable
from gateway.providers.qdrant.connection import Connection, Embedded
from gateway.providers.qdrant.faults import is_there_already
from gateway.providers.qdrant.storing import DENSE, WORDS

if TYPE_CHECKING:
    from qdrant_client.http.models import QueryResponse  # `models` has another of this name

OLDEST: Final = (1, 19)  # the first server that tells how rare a word is within one scope alone

_DISTANCES: Final = {models.Distance.DOT, models.Distance.COSINE}
_PARTS: Final = ("kind", "space", "user_id", "agent_id", "run_id")
_TIMES: Final = ("created", "expires")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How the collection is made where it is missing."""

    name: str
    dimension: int | None
    on_disk: bool
    replicas: int


class Collection:
    def __init__(self, name: str, connection: Connection, shape: Shape) -> None:
        self._name = name
        self._connection = connection
        self._shape = shape

    async def prepare(self) -> None:
        """Make what is missing, as often as wanted; Misconfigured where what is there does not fit."""
        await self._check_server()
        if not await self._ask("collection_exists"):
            await self._create()
        found: models.CollectionInfo = await self._ask("get_collection")
        await self._check_vectors(found.config.params)
        if not isinstance(self._connection, Embedded):  # which keeps no indexes
            for key, schema in indexes().items():
                if key not in found.payload_schema:
                    await self._ask("create_payload_index", field_name=key, field_schema=schema, wait=True)

    async def exists(self) -> bool:
        return await self._ask("collection_exists")

    async def upsert(self, points: Sequence[models.PointStruct], replaceable: models.Filter) -> None:
        """Atomic for each point: stored where there is none, or where the one that is there may be replaced."""
        await self._write("upsert", points=list(points), update_filter=replaceable)

    async def delete(self, which: models.Filter) -> None:
        await self._write("delete", points_selector=models.FilterSelector(filter=which))

    async def retrieve(self, ids: Sequence[str], payload: Any = True, *, vectors: bool = False) -> list[models.Record]:
        majority = {} if isinstance(self._connection, Embedded) else {"consistency": "majority"}
        return await self._ask(
            "retrieve", ids=list(ids), with_payload=payload, with_vectors=self._vectors(vectors), **majority
        )

    async def scroll(
        self, which: models.Filter, limit: int, payload: Any = True, *, order: models.OrderBy | None = None,
        offset: Any = None, vectors: bool = False,
    ) -> tuple[list[models.Record], Any]:  # fmt: skip
        return await self._ask(
            "scroll", scroll_filter=which, limit=limit, with_payload=payload, order_by=order, offset=offset,
            with_vectors=self._vectors(vectors),
        )  # fmt: skip

    async def query(
        self, query: Any, using: str, which: models.Filter, params: models.SearchParams | None, limit: int, offset: int
    ) -> list[models.ScoredPoint]:
        found: QueryResponse = await self._ask(
            "query_points", query=query, using=using, query_filter=which, search_params=params, limit=limit,
            offset=offset, with_payload=True, with_vectors=False,
        )  # fmt: skip
        return found.points

    async def fused(self, prefetch: list[models.Prefetch], limit: int) -> list[models.ScoredPoint]:
        found: QueryResponse = await self._ask(
            "query_points", prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=limit,
            with_payload=True, with_vectors=False,
        )  # fmt: skip
        return found.points

    async def count(self, which: models.Filter) -> int:
        found: models.CountResult = await self._ask("count", count_filter=which, exact=True)
        return found.count

    async def _ask(self, verb: str, **given: Any) -> Any:
        return await self._connection.ask(verb, collection_name=self._shape.name, **given)

    async def _write(self, verb: str, **given: Any) -> None:
        # Acknowledged is what has been done; replicas do it in the order of one of them, so conditions hold on all.
        given = given if isinstance(self._connection, Embedded) else {**given, "ordering": models.WriteOrdering.STRONG}
        done: models.UpdateResult = await self._ask(verb, wait=True, **given)
        if done.status is not models.UpdateStatus.COMPLETED:
            raise Unavailable(f"{self._name}: Qdrant has not done yet what it was asked", code="qdrant_busy")

    def _vectors(self, wanted: bool) -> Any:
        return [DENSE] if wanted and self._shape.dimension is not None else False

    async def _check_server(self) -> None:
        if isinstance(self._connection, Embedded):
            return
        found: models.VersionInfo = await self._connection.ask("info")
        parts = found.version.split("-")[0].split(".")[:2]
        if all(map(str.isdecimal, parts)) and tuple(map(int, parts)) < OLDEST:
            wanted = ".".join(map(str, OLDEST))
            raise Misconfigured(f"{self._name}: Qdrant is {found.version}, and {wanted} or newer is needed")

    async def _create(self) -> None:
        shape = self._shape
        dense = {} if shape.dimension is None else {DENSE: _dense(shape.dimension, shape.on_disk)}
        words = models.SparseVectorParams(
            modifier=models.Modifier.IDF, index=models.SparseIndexParams(on_disk=shape.on_disk)
        )
        given: dict[str, Any] = {"vectors_config": dense, "sparse_vectors_config": {WORDS: words}}
        if not isinstance(self._connection, Embedded):
            # A graph for each scope and each tenant, none over all: no question goes beyond a tenant.
            given["hnsw_config"] = models.HnswConfigDiff(m=0, payload_m=16)
            given["replication_factor"] = shape.replicas
        try:
            await self._ask("create_collection", **given)
        except (Unavailable, ValueError) as error:
            if not is_there_already(error.__cause__ or error):
                raise

    async def _check_vectors(self, params: models.CollectionParams) -> None:
        where = f"{self._name}: the collection {self._shape.name!r}"
        words = (params.sparse_vectors or {}).get(WORDS)
        if words is None or words.modifier is not models.Modifier.IDF:
            raise Misconfigured(f"{where} was not made by this gateway: it has no sparse vector {WORDS!r} with idf")
        given = self._shape.dimension
        dense = params.vectors.get(DENSE) if isinstance(params.vectors, dict) else None
        if given is None:
            return
        if dense is None:
            config = models.DenseVectorConfig(size=given, distance=models.Distance.DOT)
            await self._ask(
                "create_vector_name",
                vector_name=DENSE,
                vector_name_config=models.DenseVectorNameConfig(dense=config),
            )
        elif dense.size != given:
            raise Misconfigured(
                f"{where} holds vectors of {dense.size} numbers, and the embedder gives {given}: name another"
                " `collection`, or the embedder that filled this one"
            )
        elif dense.distance not in _DISTANCES:
            raise Misconfigured(f"{where} compares by {dense.distance.value}, and Dot or Cosine is needed")


def indexes() -> dict[str, Any]:
    """What Qdrant is to index of the payload. Only scopes and tenants have graphs of their own."""
    keyword, integer = models.KeywordIndexType.KEYWORD, models.IntegerIndexType.INTEGER
    return {
        "scope": models.KeywordIndexParams(type=keyword, is_tenant=True),
        "tenant": models.KeywordIndexParams(type=keyword),
        **{key: models.KeywordIndexParams(type=keyword, enable_hnsw=False) for key in _PARTS},
        **{key: models.IntegerIndexParams(type=integer, lookup=False, range=True, enable_hnsw=False) for key in _TIMES},
    }


def _dense(dimension: int, on_disk: bool) -> models.VectorParams:
    # Vectors have unit length: the product is the cosine, and Qdrant keeps every bit as it was given.
    return models.VectorParams(size=dimension, distance=models.Distance.DOT, on_disk=on_disk)
