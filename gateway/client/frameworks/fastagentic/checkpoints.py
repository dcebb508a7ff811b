"""Checkpoints for `run`, `run_opaque` and CheckpointManager. The latest is the one that was put last.

FastAgentic's own stores go by `sequence`, which starts anew with every run, and so may resume from a stale one.
"""

from datetime import UTC, datetime
from typing import Any, Final

from fastagentic.checkpoint import Checkpoint, CheckpointMetadata
from fastagentic.checkpoint.base import CheckpointStatus

from gateway.client import AsyncGateway, NotFound, replies

_KNOWN: Final = 10_000


class GatewayCheckpointStore:
    """Is a CheckpointStore by its shape. The gateway's user owns the runs: bind it, `gateway.user("worker")`."""

    def __init__(self, gateway: AsyncGateway) -> None:
        self._gateway = gateway
        self._ending: dict[str, tuple[datetime, str]] = {}  # when what was put here is over, and its run

    async def save(self, checkpoint: Checkpoint) -> None:
        about = checkpoint.metadata
        whole = checkpoint.to_dict()
        put = await self._gateway.checkpoints.put_named(
            about.run_id,
            about.checkpoint_id,
            {name: value for name, value in whole.items() if name != "metadata"},
            step_name=about.step_name,
            status=about.status.value,
            parent_id=about.parent_id,
            tags=about.tags,
            sequence=about.sequence,
            metadata={"created_at": about.created_at, "ttl_seconds": about.ttl_seconds},
            ttl_seconds=about.ttl_seconds,
        )
        self._note(put)

    async def load(self, checkpoint_id: str) -> Checkpoint | None:
        try:
            return _whole(await self._gateway.checkpoints.find(checkpoint_id))
        except NotFound:
            return None

    async def load_latest(self, run_id: str) -> Checkpoint | None:
        try:
            return _whole(await self._gateway.checkpoints.latest(run_id))
        except NotFound:
            return None

    async def list_checkpoints(self, run_id: str, limit: int = 100) -> list[CheckpointMetadata]:
        """Newest first."""
        found: list[CheckpointMetadata] = []
        cursor: str | None = None
        while len(found) < limit:
            page = await self._gateway.checkpoints.list(run_id, limit=limit - len(found), cursor=cursor)
            found += [_about(each) for each in page]
            cursor = page.cursor
            if cursor is None:
                break
        return found

    async def delete(self, checkpoint_id: str) -> None:
        await self._gateway.checkpoints.drop(checkpoint_id)
        self._ending.pop(checkpoint_id, None)

    async def delete_run(self, run_id: str) -> int:
        """The number of checkpoints; what else the run has goes with them."""
        deleted = (await self._gateway.checkpoints.prune(run_id, keep=0)).deleted
        await self._gateway.runs.delete(run_id)
        self._ending = {name: each for name, each in self._ending.items() if each[1] != run_id}
        return deleted

    async def delete_user(self, user_id: str) -> int:
        """Every run of a user that has a checkpoint; the number of checkpoints."""
        bound = self._gateway.user(user_id)
        store, total = GatewayCheckpointStore(bound), 0
        while True:
            runs = {each.run_id for each in await bound.checkpoints.list_all()}
            deleted = sum([await store.delete_run(run_id) for run_id in sorted(runs)])
            total += deleted
            if not deleted:
                return total

    async def cleanup_expired(self) -> int:
        """How many of those that were put here have expired since the last time and are gone: the gateway shows none
        from then on, and removes them by itself, whoever put them."""
        now, gone = datetime.now(UTC), 0
        for checkpoint_id in [name for name, (ends, _) in self._ending.items() if ends <= now]:
            try:
                found = await self._gateway.checkpoints.find(checkpoint_id)
            except NotFound:
                self._ending.pop(checkpoint_id, None)
                gone += 1
            else:
                self._note(found)
        return gone

    def _note(self, info: replies.CheckpointInfo) -> None:
        self._ending.pop(info.checkpoint_id, None)
        if info.expires_at is not None:
            self._ending[info.checkpoint_id] = (info.expires_at, info.run_id)
        if len(self._ending) > _KNOWN:
            del self._ending[next(iter(self._ending))]


def _about(info: replies.CheckpointInfo) -> CheckpointMetadata:
    return CheckpointMetadata(
        run_id=info.run_id,
        checkpoint_id=info.checkpoint_id,
        sequence=info.sequence or 0,
        created_at=float(info.metadata.get("created_at", info.created_at.timestamp())),
        status=CheckpointStatus(info.status or CheckpointStatus.ACTIVE.value),
        step_name=info.step_name,
        parent_id=info.parent_id,
        tags=info.tags,
        ttl_seconds=info.metadata.get("ttl_seconds"),
    )


def _whole(checkpoint: replies.Checkpoint) -> Checkpoint:
    parts: dict[str, Any] = checkpoint.state
    return Checkpoint(metadata=_about(checkpoint), **parts)
