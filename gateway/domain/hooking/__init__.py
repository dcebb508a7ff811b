"""Hooks: what may look at an operation, change it, or end it; and what it is told and may answer.

A hook stands before or after an operation. Before a write it sees the record as it would be kept, text and body, ahead
of embedding and storing; after a read it sees what was found. It never sees a provider: what it may look up, it looks
up through `Lookup`, within the scope of the request.
"""

from gateway.domain.hooking.context import Actor, HookContext, Lookup, Result
from gateway.domain.hooking.hook import Forgetting, Hook
from gateway.domain.hooking.moments import ALIASES, MUTATIONS, READS, WRITES, Event, Moment, after, before, moments_of
from gateway.domain.hooking.outcomes import Action, Outcome, modify, proceed, quarantine, refuse, reject, skip
from gateway.domain.hooking.owing import Letters, Owing, Waiting

__all__ = [
    "ALIASES",
    "MUTATIONS",
    "READS",
    "WRITES",
    "Action",
    "Actor",
    "Event",
    "Forgetting",
    "Hook",
    "HookContext",
    "Letters",
    "Lookup",
    "Moment",
    "Outcome",
    "Owing",
    "Result",
    "Waiting",
    "after",
    "before",
    "modify",
    "moments_of",
    "proceed",
    "quarantine",
    "refuse",
    "reject",
    "skip",
]
