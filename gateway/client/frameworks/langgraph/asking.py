"""The steps of a checkpointer: what each of its methods asks of a gateway, in which order. Knows no client.

The newest checkpoint is the one that was put last, whatever the clocks of those who made the ids say.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, CheckpointTuple, DeltaChannelHistory
from langgraph.checkpoint.serde.base import SerializerProtocol

from gateway.client import NotFound, replies
from gateway.client.asks import runs
from gateway.client.frameworks.langgraph.rows import (
    OURS,
    Place,
    Row,
    id_of,
    named_id,
    noted,
    packed,
    packed_writes,
    run_tag,
    unpacked,
)
from gateway.client.frameworks.langgraph.steps import Steps, each, one

_PAGE: Final = 100
_BATCH: Final = 100  # writes in one request
_TRIES: Final = 5


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is asked for. `thread` None is every thread of the owner, `ns` None every namespace."""

    thread: str | None = None
    ns: str | None = None
    id: str | None = None
    before: str | None = None
    filter: dict[str, Any] = {}


class Asking(msgspec.Struct, frozen=True):
    serde: SerializerProtocol
    ttl_seconds: float | None = None

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> Steps[RunnableConfig]:
        place = Place.of(config)
        row, tags, full = packed(self.serde, config, checkpoint, metadata)
        told = noted(tags, full, named_id(config))
        yield from one(runs.put_named(place.thread, place.name(row.id), row, ttl_seconds=self.ttl_seconds, **told))
        return place.config(row.id)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task: str, path: str
    ) -> Steps[None]:
        place, id_ = Place.of(config), named_id(config)
        if id_ is None:
            raise ValueError("writes belong to a checkpoint: the config names none")
        rows = packed_writes(self.serde, writes, task, path)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            yield from one(runs.write(place.thread, place.name(id_), part, ttl_seconds=self.ttl_seconds))

    def get_tuple(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        place, id_ = Place.of(config), named_id(config)
        try:
            found = yield from (_latest(place) if id_ is None else one(runs.get(place.thread, place.name(id_))))
        except NotFound:
            return None
        if found is None:
            return None
        return unpacked(self.serde, place.thread, found, (yield from _writes(found)))

    def page(self, query: Query, cursor: str | None, limit: int) -> Steps[tuple[list[CheckpointTuple], str | None]]:
        """Those of one page that pass, newest first, and where the next page begins."""
        tag = OURS if query.ns is None or query.thread is None else Place(query.thread, query.ns).tag
        listed = yield from one(_list(query.thread, tag, cursor, min(limit, _PAGE)))
        tuples: list[CheckpointTuple] = []
        for info in listed:
            id_ = id_of(info)
            if (query.id and id_ != query.id) or (query.before and id_ >= query.before) or OURS not in info.tags:
                continue
            try:
                found = yield from one(runs.get(info.run_id, info.checkpoint_id))
            except NotFound:
                continue  # it went since it was listed
            made = unpacked(self.serde, info.run_id, found, (yield from _writes(found)))
            if all(made.metadata.get(key) == wanted for key, wanted in query.filter.items()):
                tuples.append(made)
        return tuples, listed.cursor

    def delete_thread(self, thread: str) -> Steps[None]:
        yield from one(runs.delete_run(thread))

    def delete_for_runs(self, run_ids: Collection[str]) -> Steps[None]:
        for run_id in run_ids:
            infos = yield from _all(None, run_tag(run_id))
            yield from each([runs.delete(info.run_id, info.checkpoint_id) for info in infos])

    def copy_thread(self, source: str, target: str) -> Steps[None]:
        """Oldest first, so that they stand in the same order. What the serializer made is not looked into."""
        for info in reversed((yield from _all(source, OURS))):
            try:
                found = yield from one(runs.get(source, info.checkpoint_id))
            except NotFound:
                continue
            writes = [
                {"write_id": write.write_id, "state": write.state, "replace": True}
                for write in (yield from _writes(found))
            ]
            for start in range(0, len(writes), _BATCH):
                part = writes[start : start + _BATCH]
                yield from one(runs.write(target, info.checkpoint_id, part, ttl_seconds=self.ttl_seconds))
            yield from one(
                runs.put_named(
                    target,
                    info.checkpoint_id,
                    found.state,
                    tags=info.tags,
                    parent_id=info.parent_id,
                    step_name=info.step_name,
                    sequence=info.sequence,
                    ttl_seconds=self.ttl_seconds,
                )
            )

    def prune(self, thread: str) -> Steps[None]:
        """Keeps the newest of each namespace, and of those before it what its delta channels are rebuilt from."""
        infos = yield from _all(thread, OURS)
        known = {info.checkpoint_id: info for info in infos}
        kept: set[str] = set()
        for info in {_ns_tag(info): info for info in reversed(infos)}.values():
            kept |= yield from self._needed(info, known)
        yield from each([runs.delete(thread, name) for name in known if name not in kept])

    def history(self, config: RunnableConfig, channels: Sequence[str]) -> Steps[dict[str, DeltaChannelHistory]]:
        """What each channel has had written since it was last kept whole. LookupError where a part of that is gone."""
        history: dict[str, DeltaChannelHistory] = {channel: {"writes": []} for channel in channels}
        open_ = set(channels)
        at = (yield from self.get_tuple(config)) if open_ else None
        while at is not None and at.parent_config is not None and open_:
            parent = yield from self.get_tuple(at.parent_config)
            if parent is None:
                raise LookupError(
                    f"checkpoint {named_id(at.parent_config)} is gone, and {sorted(open_)} cannot be rebuilt without it:"
                    " give the route a larger checkpoints.max_per_run, and prune with this checkpointer only"
                )
            for write in reversed(parent.pending_writes or []):
                if write[1] in open_:
                    history[write[1]]["writes"].insert(0, write)
            for channel in open_ & parent.checkpoint["channel_values"].keys():
                history[channel]["seed"] = parent.checkpoint["channel_values"][channel]
                open_.discard(channel)
            at = parent
        return history

    def _needed(self, info: replies.CheckpointInfo, known: Mapping[str, replies.CheckpointInfo]) -> Steps[set[str]]:
        kept: set[str] = set()
        open_: set[str] | None = None
        at: replies.CheckpointInfo | None = info
        while at is not None and open_ != set():
            kept.add(at.checkpoint_id)
            found = yield from one(runs.get(at.run_id, at.checkpoint_id))
            row = msgspec.convert(found.state, Row)
            if open_ is None:
                open_ = set(row.metadata.value(self.serde).get("counters_since_delta_snapshot") or ())
            open_ -= row.checkpoint.value(self.serde)["channel_values"].keys()
            parent = Place(at.run_id, row.ns).name(found.parent_id) if found.parent_id else ""
            at = known.get(parent)
        return kept


def _latest(place: Place) -> Steps[replies.Checkpoint | None]:
    """Of its namespace. The newest of a thread is nearly always of the root, and then one look is enough."""
    if not place.ns:
        found = yield from one(runs.latest(place.thread))
        if place.tag in found.tags:
            return found
    for _ in range(_TRIES):
        listed = yield from one(_list(place.thread, place.tag, None, 1))
        if not listed.checkpoints:
            return None
        try:
            return (yield from one(runs.get(place.thread, listed.checkpoints[0].checkpoint_id)))
        except NotFound:
            continue  # it went between the two
    raise LookupError(f"the newest checkpoint of thread {place.thread} keeps changing")


def _writes(found: replies.Checkpoint) -> Steps[list[replies.Write]]:
    writes: list[replies.Write] = []
    cursor: str | None = None
    while True:
        page = yield from one(runs.writes(found.run_id, found.checkpoint_id, limit=_PAGE, cursor=cursor))
        writes += page.writes
        cursor = page.cursor
        if cursor is None:
            return writes


def _all(thread: str | None, tag: str) -> Steps[list[replies.CheckpointInfo]]:
    infos: list[replies.CheckpointInfo] = []
    cursor: str | None = None
    while True:
        page = yield from one(_list(thread, tag, cursor, _PAGE))
        infos += page.checkpoints
        cursor = page.cursor
        if cursor is None:
            return infos


def _list(thread: str | None, tag: str, cursor: str | None, limit: int) -> Any:
    if thread is None:
        return runs.list_all(tag=tag, cursor=cursor, limit=limit)
    return runs.list_(thread, tag=tag, cursor=cursor, limit=limit)


def _ns_tag(info: replies.CheckpointInfo) -> str:
    return next(tag for tag in info.tags if tag.startswith("ns:"))
