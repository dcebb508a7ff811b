"""What the service's own strategies learned from messages: searched beside what the gateway keeps. Never written here."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain.ports import Hit
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.agentcore.naming import Joined
from gateway.providers.agentcore.packing import is_ours
from gateway.providers.agentcore.plane import Plane


class Strategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Annotated[
        str, Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", max_length=100, description="As the service named it.")
    ]
    namespace: Annotated[
        str,
        Meta(pattern=r"^/.*$", description="As it was given to the service: {actorId} {sessionId} {memoryStrategyId}."),
    ] = "/strategies/{memoryStrategyId}/actors/{actorId}/"


class Learning:
    def __init__(self, plane: Plane, actors: Joined, sessions: Joined, strategies: Sequence[Strategy]) -> None:
        self._plane = plane
        self._actors = actors
        self._sessions = sessions
        self._strategies = strategies

    async def relevant(self, reach: Reach, question: str) -> list[Hit]:
        """Only for one owner: what a strategy keeps for an actor cannot be told apart further."""
        scope, actor, session = reach.exact(), self._actors.name(reach), self._sessions.name(reach)
        if scope is None or actor is None or session is None:
            return []
        answers = await asyncio.gather(*(self._of(each, scope, actor, session, question) for each in self._strategies))
        return [hit for some in answers for hit in some]

    async def _of(self, strategy: Strategy, scope: Scope, actor: str, session: str, question: str) -> list[Hit]:
        namespace = strategy.namespace
        for name, value in (("actorId", actor), ("sessionId", session), ("memoryStrategyId", strategy.id)):
            namespace = namespace.replace(f"{{{name}}}", value)
        found = await self._plane.retrieve(
            namespace, exact=True, question=question, top=100, memoryStrategyId=strategy.id
        )
        return [
            Hit(_record(each, scope, strategy.id), min(1.0, max(0.0, float(each.get("score", 0.0)))))
            for each in found
            if not is_ours(each.get("metadata", {}))
        ]


def _record(summary: dict[str, Any], scope: Scope, strategy: str) -> Record:
    return Record(
        id=summary["memoryRecordId"],
        kind=Kind.MEMORY,
        scope=scope,
        text=summary["content"]["text"],
        metadata={"strategy": strategy},
        created_at=summary["createdAt"],
        updated_at=summary["createdAt"],
    )
