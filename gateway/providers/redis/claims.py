"""Who has an id, and which scopes there are, in a cluster: there a scope and its tenant live in different slots.

No script can change both in one step. So ids are claimed and the scope is entered before its records are written, and
again after: whoever took something away in between took it away from under an older stamp, and the second time puts it
back or learns that it is lost. A writer that dies on the way leaves a claim or an entry that stands for nothing; both
give way to the next one.
"""

from collections.abc import Sequence

import msgspec

from gateway.providers.redis.names import Names, Owner
from gateway.providers.redis.rows import Row
from gateway.providers.redis.wire import Argument, Wire


class Claim(msgspec.Struct, frozen=True):
    """What is asked for: the id, until when, and the stamp of a rival's claim that stands for nothing."""

    id: str
    expires: str
    ms: str
    over: bytes = b""


class Claims:
    def __init__(self, wire: Wire, names: Names) -> None:
        self._wire = wire
        self._names = names

    async def take(self, owner: Owner, parts: bytes, now: int, wanted: Sequence[Claim]) -> list[bool]:
        """Which of the ids are now the scope's. A claim without a record behind it is taken over."""
        rivals = await self.confirm(owner, parts, now, wanted)
        taken = [(claim, *rival.split()) for claim, rival in zip(wanted, rivals, strict=True) if rival]
        if not taken:
            return [True] * len(wanted)
        looked = [
            ("HGET", f"{self._names.base(holder.decode())}:{shelf}:index", claim.id)
            for claim, holder, _ in taken
            for shelf in ("records", "session")
        ]
        found = await self._wire.ask_all(looked)
        empty = [
            msgspec.structs.replace(claim, over=stamp)
            for (claim, _, stamp), one, other in zip(taken, found[::2], found[1::2], strict=True)
            if one is None and other is None
        ]
        again = await self.confirm(owner, parts, now, empty) if empty else []
        won = {claim.id for claim, rival in zip(empty, again, strict=True) if not rival}
        return [not rival or claim.id in won for claim, rival in zip(wanted, rivals, strict=True)]

    async def confirm(self, owner: Owner, parts: bytes, now: int, wanted: Sequence[Claim]) -> list[bytes]:
        """For each id nothing where it is the scope's now, else who has it and since when."""
        arguments: list[Argument] = [now, owner.tag, owner.of, parts]
        for claim in wanted:
            arguments += [claim.id, claim.expires, claim.ms, claim.over]
        return list(await self._wire.run("claim", [self._tenant(owner)], arguments))

    async def stamps(self, owner: Owner, ids: Sequence[str]) -> dict[str, bytes]:
        """Since when ids are whose they are."""
        tenant = self._tenant(owner)
        claims = await self._wire.ask("MGET", *(f"{tenant}:id:{id_}" for id_ in ids))
        return {id_: claim.split()[1] for id_, claim in zip(ids, claims, strict=True) if claim is not None}

    async def release(self, owner: Owner, stamps: dict[str, bytes], ms: str = "") -> None:
        """Give up the scope's claims that still have these stamps (empty: any); or let them live so much longer."""
        if stamps:
            arguments: list[Argument] = [owner.tag]
            for id_, stamp in stamps.items():
                arguments += [id_, stamp, ms]
            await self._wire.run("release", [self._tenant(owner)], arguments)

    def _tenant(self, owner: Owner) -> str:
        return self._names.tenant(owner.scope.tenant)


def claim_for(row: Row, session_ms: str) -> Claim:
    """Claims of a session that ends live twice as long as it, and are renewed now and then."""
    return Claim(row.id, row.expires, session_ms or row.ms)
