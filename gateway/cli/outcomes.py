"""How an answer of the admin face reads: the outcome of a change, and the workers that made it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_SHORT: Final = 12  # characters of a digest that are shown


def outcome_lines(outcome: Mapping[str, Any]) -> Iterator[str]:
    """The result first, then what it means for tenants, then why."""
    stage = f" at {outcome['stage']}" if outcome["result"] == "rejected" else ""
    yield f"{outcome['result']}{stage}: {serving(outcome)} ({outcome['cause']}, {outcome['seconds']:.2f} s)"
    for name in ("changed", "removed", "stale", "locked"):
        if outcome[name]:
            yield f"  {name:<8} {', '.join(outcome[name])}"
    yield from (f"  {reason}" for reason in outcome["reasons"])


def worker_lines(workers: list[dict[str, Any]]) -> Iterator[str]:
    """One line while they agree, one for each of them otherwise."""
    if len({each["digest"] for each in workers}) <= 1:
        if len(workers) > 1:
            yield f"all {len(workers)} workers serve {short(workers[0]['digest'])}"
        return
    for each in workers:
        yield f"worker {each['pid']}: {serving(each)}"
        if each["outcome"] is not None and each["outcome"]["result"] == "rejected":
            yield from (f"  {reason}" for reason in each["outcome"]["reasons"])


def serving(about: Mapping[str, Any]) -> str:
    return f"generation {about['generation']}, files {short(about['digest'])}"


def short(digest: str) -> str:
    return digest[:_SHORT] or "none"
