"""Who and what is meant, as Qdrant's filters. Parts of a scope are compared whole: as a hash of all, or each by equality."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from qdrant_client import models

from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.qdrant.storing import point_id, scope_key

Conditions: TypeAlias = list[models.Condition]

PARTS = {"space": "space", "user": "user_id", "agent": "agent_id", "run": "run_id"}


def equal(key: str, value: str | int | bool) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def within(key: str, **bounds: float) -> models.FieldCondition:
    return models.FieldCondition(key=key, range=models.Range(**bounds))


def reached(reach: Reach) -> Conditions:
    exact = reach.exact()
    if exact is not None:
        return [equal("scope", scope_key(exact))]
    given = {key: getattr(reach, part) for part, key in PARTS.items()}
    parts = [equal(key, value) for key, value in given.items() if value is not None]
    return [equal("tenant", reach.tenant), *parts]


def alive(now: int) -> models.FieldCondition:
    return within("expires", gt=now)


def of_kinds(kinds: Iterable[Kind]) -> models.FieldCondition:
    return models.FieldCondition(key="kind", match=models.MatchAny(any=sorted(kinds)))


def named(tenant: str, ids: Iterable[str]) -> models.HasIdCondition:
    return models.HasIdCondition(has_id=[point_id(tenant, id_) for id_ in ids])


def all_of(*conditions: models.Condition) -> models.Filter:
    return models.Filter(must=list(conditions))


def replaceable(records: Sequence[Record], now: int) -> models.Filter:
    """What a put of these records may replace: what has expired, and older versions in the same scope."""
    groups: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((scope_key(record.scope), record.version), []).append(record)
    older: Conditions = []
    for (scope, version), some in groups.items():
        mine: Conditions = [equal("scope", scope), within("version", lt=version)]
        if len(groups) > 1:
            mine.append(models.HasIdCondition(has_id=[point_id(each.scope.tenant, each.id) for each in some]))
        older.append(all_of(*mine))
    return models.Filter(should=[*older, within("expires", lte=now)])
