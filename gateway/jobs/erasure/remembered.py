"""What erasures have ended, for whoever brings old copies back: lines that were exported, and archives.

Read once. Who writes while erasures go on hears of them in `erasing`.
"""

import asyncio
from collections.abc import Sequence

from gateway.config.compiled import Config
from gateway.domain.errors import Unavailable
from gateway.domain.ids import Clock, Randomness
from gateway.jobs.erasure.register import opened
from gateway.runtime.fences import Known


async def remembered(config: Config, clock: Clock, randomness: Randomness) -> Known:
    """The fences of the gateways of this configuration: none where nobody has erased anything. Unavailable where they
    cannot be read, for then what was erased could come back."""
    known = Known()
    try:
        store = await asyncio.to_thread(opened, config, clock, randomness, make=False)
        if store is not None:
            try:
                known.hear(await asyncio.to_thread(store.fences), store.secret, _nothing)
            finally:
                await asyncio.to_thread(store.close)
    except Exception as error:
        what = f"what has been erased cannot be read now ({type(error).__name__}), and could come back"
        raise Unavailable(what, code="erasures_unavailable") from error
    return known


async def _nothing(_tenant: str, _ids: Sequence[str]) -> frozenset[str]:
    """Keys of requests are not looked up: copies have none."""
    return frozenset()
