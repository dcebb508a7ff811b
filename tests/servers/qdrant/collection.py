"""One collection: a shard of the engine, and beside it what it was created with."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Modifier,
    Point,
    ScrollRequest,
    UpdateOperation,
)  # fmt: skip

from . import reading, telling

Json: TypeAlias = Any

_CREATED = "created.json"
_SHARD = "shard"
_TEMPLATES = ".templates"
_DISTANCES = {"Cosine": Distance.Cosine, "Dot": Distance.Dot, "Euclid": Distance.Euclid}


class Collection:
    """The shard is made when it is first needed: most of its cost is the waiting for the disk at each index.

    So a shard that has the same vectors and indexes as an earlier one is a copy of that, as it was when still empty.
    """

    def __init__(self, folder: Path, created: Json) -> None:
        self._folder = folder
        self._created = created
        self._open: EdgeShard | None = None
        self._done = 0

    @classmethod
    def create(cls, folder: Path, created: Json) -> "Collection":
        passing = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir(parents=True)
        _write(passing / _CREATED, {"vectors": {}, "sparse_vectors": {}, **created, "indexes": {}})
        passing.rename(folder)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> "Collection":
        return cls(folder, msgspec.json.decode((folder / _CREATED).read_bytes()))

    def close(self) -> None:
        """Gives back what an open shard takes; the next question opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def info(self) -> Json:
        params = {
            "vectors": self._created["vectors"], "sparse_vectors": self._created["sparse_vectors"],
            "shard_number": 1, "replication_factor": 1, "write_consistency_factor": 1, "on_disk_payload": True,
        }  # fmt: skip
        kept = _keeps(self._folder)
        schema = self._shard.info().payload_schema if kept else {}
        told = {key: telling.index(each) for key, each in schema.items()}
        told |= {key: telling.wanted(each) for key, each in self._created["indexes"].items() if key not in told}
        return {
            "status": "green", "optimizer_status": "ok", "segments_count": 1, "payload_schema": told,
            "points_count": self._shard.info().points_count if kept else 0, "config": {"params": params, **_OTHER},
        }  # fmt: skip

    def index(self, body: Json) -> Json:
        self._created["indexes"][body["field_name"]] = body["field_schema"]
        _write(self._folder / _CREATED, self._created)
        if not _keeps(self._folder):
            return self._finished()
        return self._update(
            UpdateOperation.create_field_index(body["field_name"], reading.schema(body["field_schema"]))
        )

    def add_vector(self, name: str, body: Json) -> Json:
        given = body["dense"]
        made = UpdateOperation.create_dense_vector(name, given["size"], _DISTANCES[given["distance"]])
        done = self._update(made)
        self._created["vectors"] = {**self._created["vectors"], name: given}
        _write(self._folder / _CREATED, self._created)
        return done

    def upsert(self, body: Json) -> Json:
        points = [
            Point(each["id"], reading.vectors(each.get("vector") or {}), each.get("payload")) for each in body["points"]
        ]
        condition = reading.filter_of(body.get("update_filter"))
        return self._update(UpdateOperation.upsert_points(points, condition=condition))

    def delete(self, body: Json) -> Json:
        if "points" in body:
            return self._update(UpdateOperation.delete_points(body["points"]))
        wanted = reading.filter_of(body["filter"])
        assert wanted is not None
        return self._update(UpdateOperation.delete_points_by_filter(wanted))

    def retrieve(self, body: Json) -> Json:
        found = self._shard.retrieve(
            body["ids"], reading.payload(body.get("with_payload", True)), body.get("with_vector", False)
        )
        return [telling.point(each) for each in found]

    def scroll(self, body: Json) -> Json:
        limit, ordered = body.get("limit", 10), body.get("order_by")
        asked = ScrollRequest(
            offset=body.get("offset"),
            limit=limit,
            filter=reading.filter_of(body.get("filter")),
            with_payload=reading.payload(body.get("with_payload", True)),
            with_vector=body.get("with_vector", False),
            order_by=None if ordered is None else reading.order(ordered),
        )
        found, following = self._shard.scroll(asked)
        return {"points": [telling.point(each) for each in found], "next_page_offset": telling.id_of(following)}

    def query(self, body: Json) -> Json:
        return {"points": [telling.scored(each) for each in self._shard.query(reading.query(body))]}

    def count(self, body: Json) -> Json:
        return {"count": self._shard.count(CountRequest(filter=reading.filter_of(body.get("filter")), exact=True))}

    @property
    def _shard(self) -> EdgeShard:
        if self._open is None:
            if not _keeps(self._folder):
                _copied(_empty(self._folder.parent / _TEMPLATES, self._created), self._folder / _SHARD)
            self._open = EdgeShard.load(str(self._folder / _SHARD))
        return self._open

    def _update(self, operation: UpdateOperation) -> Json:
        self._shard.update(operation)
        return self._finished()

    def _finished(self) -> Json:
        self._done += 1
        return {"operation_id": self._done, "status": "completed"}


_OTHER = {
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
    "optimizer_config": {
        "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 1, "flush_interval_sec": 5,
    },
}  # fmt: skip


def _keeps(folder: Path) -> bool:
    return (folder / _SHARD).is_dir()


def _empty(templates: Path, created: Json) -> Path:
    """A shard with these vectors and indexes that nobody writes to."""
    of = msgspec.json.encode([created["vectors"], created["sparse_vectors"], created["indexes"]], order="sorted")
    template = templates / hashlib.sha256(of).hexdigest()[:16]
    if not template.is_dir():
        passing = template.with_suffix(".new")
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir(parents=True)
        shard = EdgeShard.create(str(passing), _config(created))
        for name, schema in created["indexes"].items():
            shard.update(UpdateOperation.create_field_index(name, reading.schema(schema)))
        shard.close()
        passing.rename(template)
    return template


def _copied(template: Path, to: Path) -> None:
    """Whole or not at all."""
    passing = to.with_suffix(".new")
    shutil.rmtree(passing, ignore_errors=True)
    shutil.copytree(template, passing, copy_function=_copied_file)
    passing.rename(to)


def _copied_file(source: str, to: str) -> None:
    """The log is hundreds of megabytes of nothing, so holes are kept as holes."""
    with Path(source).open("rb") as read, Path(to).open("wb") as write:
        size, at = os.fstat(read.fileno()).st_size, 0
        write.truncate(size)
        while at < size:
            try:
                at = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole follows
                return
            end = os.lseek(read.fileno(), at, os.SEEK_HOLE)
            while at < end and (sent := os.copy_file_range(read.fileno(), write.fileno(), end - at, at, at)):
                at += sent


def _config(created: Json) -> EdgeConfig:
    dense: dict[str, Json] = created["vectors"]
    sparse: dict[str, Json] = created["sparse_vectors"]
    idf = {name: Modifier.Idf if each.get("modifier") == "idf" else None for name, each in sparse.items()}
    return EdgeConfig(
        vectors={name: EdgeVectorParams(each["size"], _DISTANCES[each["distance"]]) for name, each in dense.items()},
        sparse_vectors={name: EdgeSparseVectorParams(modifier=modifier) for name, modifier in idf.items()},
        max_search_threads=1,
    )


def _write(file: Path, content: Json) -> None:
    passing = file.with_suffix(".new")
    passing.write_bytes(msgspec.json.encode(content))
    os.replace(passing, file)  # noqa: PTH105 -- says that it replaces
