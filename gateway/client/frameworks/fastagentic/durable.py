"""Durable runs: FastAgentic's DurableStore over a gateway. What is shown has the shape of its Redis store."""

from typing import Any

from fastagentic.durability import DurableStore

from gateway.client import AsyncGateway, NotFound, replies


class GatewayDurableStore(DurableStore):
    """The gateway's user owns the runs: bind it, `gateway.user("worker")`."""

    def __init__(self, gateway: AsyncGateway) -> None:
        self._gateway = gateway

    async def save_checkpoint(self, run_id: str, checkpoint_id: str, data: dict[str, Any]) -> None:
        await self._gateway.checkpoints.put_named(run_id, checkpoint_id, data)

    async def get_checkpoint(self, run_id: str, checkpoint_id: str) -> dict[str, Any] | None:
        try:
            return _shown(await self._gateway.checkpoints.get(run_id, checkpoint_id))
        except NotFound:
            return None

    async def get_latest_checkpoint(self, run_id: str) -> dict[str, Any] | None:
        try:
            return _shown(await self._gateway.checkpoints.latest(run_id))
        except NotFound:
            return None

    async def list_checkpoints(self, run_id: str) -> list[dict[str, Any]]:
        """Oldest first, with their data; one that is deleted meanwhile is left out."""
        ids: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._gateway.checkpoints.list(run_id, cursor=cursor)
            ids += [each.checkpoint_id for each in page]
            cursor = page.cursor
            if cursor is None:
                break
        found = [await self.get_checkpoint(run_id, each) for each in reversed(ids)]
        return [each for each in found if each is not None]

    async def delete_checkpoint(self, run_id: str, checkpoint_id: str) -> None:
        await self._gateway.checkpoints.delete(run_id, checkpoint_id)

    async def delete_run(self, run_id: str) -> int:
        """All that the run has, its state included."""
        return (await self._gateway.runs.delete(run_id)).deleted

    async def save_run_state(self, run_id: str, status: str, metadata: dict[str, Any] | None = None) -> None:
        await self._gateway.runs.set_state(run_id, status, metadata=metadata)

    async def get_run_state(self, run_id: str) -> dict[str, Any] | None:
        try:
            state = await self._gateway.runs.state(run_id)
        except NotFound:
            return None
        return {
            "run_id": state.run_id,
            "status": state.status,
            "metadata": state.metadata,
            "updated_at": state.updated_at.isoformat(),
        }


def _shown(checkpoint: replies.Checkpoint) -> dict[str, Any]:
    return {
        "checkpoint_id": checkpoint.checkpoint_id,
        "run_id": checkpoint.run_id,
        "data": checkpoint.state,
        "created_at": checkpoint.created_at.isoformat(),
    }
