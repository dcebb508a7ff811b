"""Brings a target to the state that its source has, for the records of one intent. Safe to repeat, in any order.

A put only ever adds what is newer, and what was deleted is looked up before and after, so that neither an old delivery
nor one that is made twice brings anything back. Knows no queue.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider
from gateway.domain.record import Record


async def deliver(intent: Intent, source: Provider, target: Provider, outbox: Outbox) -> int:
    """How many records the target got or lost. Raises what the providers raise; then it must be made again."""
    if intent.gone is not None:
        return await _remove(intent, target, dict.fromkeys(intent.ids, intent.gone))
    found = [record for record in await source.get(intent.reach, intent.ids) if record is not None]
    before = await outbox.gone(intent.reach.tenant, intent.ids)
    wanted = [record for record in found if not _is_gone(record, before)]
    stored = sum(await target.put(wanted)) if wanted else 0
    # Deleted while it was on its way: the deletion may have come to the target first.
    after = await outbox.gone(intent.reach.tenant, [record.id for record in wanted])
    return stored + await _remove(intent, target, after)


async def _remove(intent: Intent, target: Provider, gone: Mapping[str, datetime]) -> int:
    if not gone:
        return 0
    there: Sequence[Record | None] = await target.get(intent.reach, list(gone))
    old = [record.id for record in there if record is not None and _is_gone(record, gone)]
    return await target.delete(intent.reach, old) if old else 0


def _is_gone(record: Record, gone: Mapping[str, datetime]) -> bool:
    """An id that was used again after its deletion belongs to another record."""
    at = gone.get(record.id)
    return at is not None and record.updated_at <= at
