"""Messages as events of the service: one event each, in the session of an actor. Changing one is a new event and the
end of the old one; while both are there the newer counts. Knows no other kinds.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence

from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.agentcore.naming import Joined
from gateway.providers.agentcore.packing import Held, payload_of, record_of_payload, tags_of
from gateway.providers.agentcore.plane import Plane


class Events:
    def __init__(
        self, plane: Plane, actors: Joined, sessions: Joined, keys: Sequence[str], *, learned_from: bool
    ) -> None:
        self._plane = plane
        self._actors = actors
        self._sessions = sessions
        self._keys = keys
        self._mode = {} if learned_from else {"extractionMode": "SKIP"}

    async def held(self, reach: Reach, tags: Mapping[str, str]) -> list[Held]:
        """All of the reach whose metadata has the values, in no order. Lists actors and sessions where the reach is wide."""
        places = await self._places(reach)
        found = await asyncio.gather(*(self._in(actor, session, tags) for actor, session in places))
        return [each for some in found for each in some if reach.covers(each.record.scope)]

    async def write(self, record: Record) -> None:
        actor, session = self._place(Reach.only(record.scope))
        tags = {name: {"stringValue": value} for name, value in tags_of(record, self._keys).items()}
        if record.expires_at is not None:
            tags["expires"] = {"stringValue": record.expires_at.isoformat()}
        await self._plane.create_event(
            actor,
            session,
            token=secrets.token_hex(16),
            at=record.created_at,
            payload=payload_of(record),
            metadata=tags,
            **self._mode,
        )

    async def drop(self, held: Held) -> bool:
        actor, session, event = held.at
        return await self._plane.delete_event(actor, session, event)

    async def due(self) -> list[Held]:
        """Those that expire some time."""
        places = await self._places(None)
        found = await asyncio.gather(*(self._in(actor, session, {}, expiring=True) for actor, session in places))
        return [each for some in found for each in some]

    def _place(self, reach: Reach) -> tuple[str, str]:
        actor, session = self._actors.name(reach), self._sessions.name(reach)
        if actor is None or session is None:
            raise ValueError("only an exact reach is one place")
        return actor, session

    async def _places(self, reach: Reach | None) -> list[tuple[str, str]]:
        actor = reach and self._actors.name(reach)
        session = reach and self._sessions.name(reach)
        if actor is not None and session is not None:
            return [(actor, session)]
        actors = [actor] if actor is not None else [
            each["actorId"] async for page in self._plane.actors() for each in page
        ]  # fmt: skip
        near = [each for each in actors if reach is None or self._actors.may_cover(reach, each)]
        if session is not None:
            return [(each, session) for each in near]
        return [
            (each, summary["sessionId"])
            for each in near
            async for page in self._plane.sessions(each)
            for summary in page
            if reach is None or self._sessions.may_cover(reach, summary["sessionId"])
        ]

    async def _in(self, actor: str, session: str, tags: Mapping[str, str], *, expiring: bool = False) -> list[Held]:
        found: list[Held] = []
        async for page in self._plane.events(actor, session, tags, having="expires" if expiring else ""):
            for event in page:
                record = record_of_payload(event["payload"])
                if record is not None:
                    found.append(Held(record, (actor, session, event["eventId"])))
        return found
