"""Everything that one tenant has at a provider, as lines, oldest first. What is written meanwhile may come along or not."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

import msgspec

from gateway.domain.ports import Provider
from gateway.domain.record import Kind
from gateway.services.moving.lines import Header, header_line, line_of
from gateway.services.moving.paging import paged


async def exported(
    provider: Provider, tenant: str, kinds: frozenset[Kind], at: datetime, embedder: str | None
) -> AsyncGenerator[tuple[bytes, int]]:
    """The header alone, then the lines of each page with their number. Vectors come along only with an embedder's name."""
    header = Header(tenant=tenant, kinds=tuple(sorted(kinds)), exported_at=at, embedder=embedder or "")
    yield header_line(header), 0
    async with aclosing(paged(provider, tenant, kinds, vectors=embedder is not None)) as pages:
        async for page in pages:
            records = page.records
            if embedder is None:
                records = tuple(msgspec.structs.replace(record, vector=None) for record in records)
            yield b"".join(map(line_of, records)), len(records)
