"""A plan as data: what is added, removed and changed, what becomes of each instance, and warnings.

Texts in it were made to be shown: no secret is in them.
"""

from collections import Counter
from typing import Literal, TypeAlias

import msgspec

from gateway.config.diagnostics import Mark
from gateway.config.sameness import Sort

Sign: TypeAlias = Literal["add", "remove", "change"]
Subject: TypeAlias = Literal["gateway", "tenant", "key", "route"]
Verb: TypeAlias = Literal["reuse", "recreate", "create", "close"]
Danger: TypeAlias = Literal["security", "data", "restart"]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. A mark is where the value is written; None for what is built in."""

    path: str
    old: str
    new: str
    old_at: Mark | None = None
    new_at: Mark | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is `acme` for a tenant, `acme/notes` for a route, `acme/ci` for a key, `` for the gateway."""

    sign: Sign
    subject: Subject
    name: str
    details: tuple[Detail, ...] = ()
    mark: Mark | None = None  # in the new config; in the old one for what is removed


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one instance. `reuse` means that the very same one goes on serving."""

    verb: Verb
    sort: Sort
    name: str
    details: tuple[Detail, ...] = ()
    mark: Mark | None = None


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """`security`: less is protected than before. `data`: records go, or are no longer reached. `restart`: holds only
    after one."""

    danger: Danger
    subject: Subject | Sort
    name: str
    message: str
    mark: Mark | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    changes: tuple[Change, ...]
    actions: tuple[Action, ...]
    warnings: tuple[Warned, ...]

    @property
    def different(self) -> bool:
        return bool(self.changes) or any(each.verb != "reuse" or each.details for each in self.actions)

    def verbs(self) -> Counter[Verb]:
        return Counter(each.verb for each in self.actions)
