"""A newer version in the place of what is there, and never of what somebody has deleted meanwhile."""

from collections.abc import Sequence
from typing import cast

from gateway.domain.ports import Provider, Replaces
from gateway.domain.record import Record
from gateway.domain.scope import Reach


async def replaced(
    provider: Provider, reach: Reach, records: Sequence[Record], beside: Sequence[Record] = (), *, surely: bool
) -> Sequence[bool]:
    """Whether each took the place of an older version in the reach. `beside` is put if all of them did.

    `surely` for a provider that declares `replaces`. Of any other, what is there is looked up right before it is
    written: what is deleted in the moment between comes back.
    """
    if not records:
        return []
    if surely:
        return await cast("Replaces", provider).replace(records, beside)
    found = await provider.get(reach, [each.id for each in records])
    there = {each.id for each in found if each is not None}
    wanted = [each for each in records if each.id in there]
    if not wanted:
        return [False] * len(records)
    stored = await provider.put([*wanted, *(beside if len(wanted) == len(records) else ())])
    answers = dict(zip((each.id for each in wanted), stored[: len(wanted)], strict=True))
    return [answers.get(each.id, False) for each in records]
