"""How LangGraph's checkpoints lie in a gateway: a thread is a run, a checkpoint a checkpoint of it, a pending write a
write on top of that. What the serializer made goes along as it is, in base64, for JSON has no bytes.

Namespaces of a thread share its run: a tag says which one a checkpoint is in, and its name carries it.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from gateway.client import replies

OURS: Final = "langgraph"
_ROOT: Final = "ns:root"
_HEX: Final = 16


class Place(msgspec.Struct, frozen=True):
    """Where in a gateway the checkpoints of one namespace are."""

    thread: str
    ns: str = ""

    @classmethod
    def of(cls, config: RunnableConfig) -> "Place":
        named = config.get("configurable", {})
        return cls(str(named["thread_id"]), str(named.get("checkpoint_ns") or ""))

    @property
    def tag(self) -> str:
        return f"ns:{_hashed(self.ns)}" if self.ns else _ROOT

    def name(self, checkpoint_id: str) -> str:
        return f"{checkpoint_id}~{_hashed(self.ns)}" if self.ns else checkpoint_id

    def config(self, checkpoint_id: str) -> RunnableConfig:
        named = {"thread_id": self.thread, "checkpoint_ns": self.ns, "checkpoint_id": checkpoint_id}
        return {"configurable": named}


class Packed(msgspec.Struct, frozen=True):
    """What a serializer made of a value: its own word for the kind, and bytes."""

    kind: str
    data: str

    @classmethod
    def of(cls, serde: SerializerProtocol, value: Any) -> "Packed":
        kind, data = serde.dumps_typed(value)
        return cls(kind, b64encode(data).decode())

    def value(self, serde: SerializerProtocol) -> Any:
        return serde.loads_typed((self.kind, b64decode(self.data)))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a checkpoint in a gateway."""

    id: str
    ns: str
    checkpoint: Packed
    metadata: Packed


class WriteRow(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a pending write. `order` is its place among those of its task; special ones are below zero."""

    task: str
    path: str
    order: int
    channel: str
    value: Packed


def named_id(config: RunnableConfig | None) -> str | None:
    """The checkpoint that a config names."""
    found = config.get("configurable", {}).get("checkpoint_id") if config else None
    return str(found) if found else None


def id_of(info: replies.CheckpointInfo) -> str:
    """The id that LangGraph knows it by."""
    return info.checkpoint_id if _ROOT in info.tags else info.checkpoint_id[: -_HEX - 1]


def run_tag(run_id: str) -> str:
    return f"run:{_hashed(run_id)}"


def noted(tags: Sequence[str], metadata: Mapping[str, Any], parent: str | None) -> dict[str, Any]:
    """What a gateway is told beside the state, for people and for lists."""
    step = metadata.get("step")
    return {
        "tags": list(tags),
        "parent_id": parent,
        "step_name": str(metadata.get("source") or "")[:512],
        "sequence": step if isinstance(step, int) else None,
    }


def packed(
    serde: SerializerProtocol, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
) -> tuple[Row, list[str], Mapping[str, Any]]:
    """The row, the tags it is found by, and its metadata in full."""
    place, full = Place.of(config), get_checkpoint_metadata(config, metadata)
    tags = [OURS, place.tag]
    run = full.get("run_id")
    if run is not None:
        tags.append(run_tag(str(run)))
    row = Row(
        id=checkpoint["id"],
        ns=place.ns,
        checkpoint=Packed.of(serde, checkpoint),
        metadata=Packed.of(serde, full),
    )
    return row, tags, full


def packed_writes(
    serde: SerializerProtocol, writes: Sequence[tuple[str, Any]], task: str, path: str
) -> list[dict[str, Any]]:
    """Special writes (errors, interrupts) take the place of earlier ones of their task; of others the first stays."""
    rows = [
        WriteRow(
            task=task, path=path, order=WRITES_IDX_MAP.get(channel, at), channel=channel, value=Packed.of(serde, v)
        )
        for at, (channel, v) in enumerate(writes)
    ]
    # Of two special writes of one kind the later one holds, as it would if they had been put one after the other.
    kept = {row.order: row for row in rows}
    return [{"write_id": f"{task}~{row.order}", "state": row, "replace": row.order < 0} for row in kept.values()]


def unpacked(
    serde: SerializerProtocol, thread: str, found: replies.Checkpoint, writes: Sequence[replies.Write]
) -> CheckpointTuple:
    row = msgspec.convert(found.state, Row)
    rows = [msgspec.convert(write.state, WriteRow) for write in writes]
    rows.sort(key=lambda write: writes_sort_key(write.path, write.task, write.order))
    place = Place(thread, row.ns)
    return CheckpointTuple(
        config=place.config(row.id),
        checkpoint=row.checkpoint.value(serde),
        metadata=row.metadata.value(serde),
        parent_config=place.config(found.parent_id) if found.parent_id else None,
        pending_writes=[(write.task, write.channel, write.value.value(serde)) for write in rows],
    )


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HEX]
