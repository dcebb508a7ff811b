"""Hooks that protect less than they did: gone from a route or the policy, asked less often, or done without."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.config.compiled import Config, Plugged
from gateway.config.hooks import asked_at

# Options of the built-in types whose one value protects less than the other.
_LAXER: Final[dict[tuple[str, str], object]] = {
    ("audit", "fail_closed"): False,
    ("audit", "reads"): "fail_open",
    ("audit", "values"): "plain",
    ("audit", "fsync"): "never",
    ("compliance", "on_violation"): "flag",
    ("screen", "action"): "flag",
    ("webhook", "content"): True,
}
_LIMITS: Final = ("size", "rate", "records_per_day", "bytes_per_day")


def hooks_lost(old: Sequence[str], new: Sequence[str]) -> str:
    """What a list of hooks lacks that it had; else that its order is another one; "" where neither is so."""
    if lost := [name for name in old if name not in new]:
        return f"no longer asks {' and '.join(lost)}"
    return "" if [name for name in new if name in old] == list(old) else "asks its hooks in another order"


def hooks_weaker(old: Config, new: Config) -> Iterator[str]:
    """Of the policy, and of the hooks that both configurations declare under one key."""
    if lost := hooks_lost(old.policy.hooks, new.policy.hooks):
        yield f"policy.hooks {lost}"
    for key in sorted(old.hooks.keys() & new.hooks.keys()):
        before, after = old.hooks[key], new.hooks[key]
        if before.type_name != after.type_name:
            yield f"hooks.{key} is a {after.type_name}, no longer a {before.type_name}"
            continue
        if lost := sorted(asked_at(before) - asked_at(after)):
            yield f"hooks.{key} is no longer asked at {', '.join(lost)}"
        if _proceeds(after) and not _proceeds(before):
            yield f"hooks.{key} is done without where it fails"
        for (type_name, option), lax in _LAXER.items():
            own = type_name == after.type_name
            if own and getattr(after.options, option) == lax != getattr(before.options, option):
                yield f"hooks.{key}.{option} is now {str(lax).lower()}"
        if lost := sorted(set(_types(before)) - set(_types(after))):
            yield f"hooks.{key} no longer looks for {', '.join(lost)}"
        if after.type_name == "redact" and after.options.score_threshold > before.options.score_threshold:
            yield f"hooks.{key} must be surer to take something out"
        if after.type_name == "limit" and (lost := [each for each in _LIMITS if _gone(before, after, each)]):
            yield f"hooks.{key} has no {' and no '.join(lost)}"


def _proceeds(hook: Plugged) -> bool:
    return hook.hooking is not None and hook.hooking.on_failure == "proceed"


def _gone(before: Plugged, after: Plugged, option: str) -> bool:
    return getattr(before.options, option) is not None and getattr(after.options, option) is None


def _types(hook: Plugged) -> Sequence[str]:
    return (*hook.options.types, *hook.options.entities) if hook.type_name == "redact" else ()
