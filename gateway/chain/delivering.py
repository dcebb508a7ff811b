"""Brings a target to the state that its source has, for the records of one intent. Safe to repeat, in any order.

A put only ever adds what is newer, and what was deleted is looked up before and after, so that neither an old delivery
nor one that is made twice brings anything back. A deletion that was intended is completed at both ends. Knows no queue.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider
from gateway.domain.record import Record


async def deliver(intent: Intent, source: Provider, target: Provider, outbox: Outbox) -> int:
    """How many records the target got or lost. Raises what the providers raise; then it must be made again."""
    if intent.gone is None:
        return await _bring(intent, source, target, outbox)
    gone = dict.fromkeys(intent.ids, intent.gone)
    await _remove(intent, source, gone)  # where the deletion itself did not come to its end
    removed = await _remove(intent, target, gone)
    # An id that was used again meanwhile may have gone with the old record: the source has it.
    return removed + (await _bring(intent, source, target, outbox) if removed else 0)


async def _bring(intent: Intent, source: Provider, target: Provider, outbox: Outbox) -> int:
    found = [record for record in await source.get(intent.reach, intent.ids) if record is not None]
    before = await outbox.gone(intent.reach.tenant, intent.ids)
    # What the deletion left at the target would be taken for newer than a record that has its id now.
    changed = await _remove(intent, target, before)
    wanted = [record for record in found if not _is_gone(record, before)]
    if wanted:
        stored = await target.put(wanted)
        changed += sum(stored)
        await _agree(intent, source, target, [each for each, new in zip(wanted, stored, strict=True) if not new])
    # Deleted while it was on its way: the deletion may have come to the target first.
    after = await outbox.gone(intent.reach.tenant, intent.ids)
    return changed + (await _remove(intent, target, after) if after != before else 0)


async def _agree(intent: Intent, source: Provider, target: Provider, refused: Sequence[Record]) -> None:
    """Two records of one version, of a time when each side was away for somebody: the later one is next for both."""
    if not refused:
        return
    there = await target.get(intent.reach, [record.id for record in refused])
    for ours, theirs in zip(refused, there, strict=True):
        if theirs is not None and theirs.version == ours.version and theirs.updated_at != ours.updated_at:
            later = max(ours, theirs, key=lambda record: record.updated_at)
            agreed = [msgspec.structs.replace(later, version=later.version + 1)]
            await target.put(agreed)
            await source.put(agreed)


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
