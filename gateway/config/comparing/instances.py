"""What becomes of every provider, embedder and strategy: exactly what sharing by identity will do with it."""

from pathlib import Path

from gateway.config.comparing.plan import Action, Detail, Verb
from gateway.config.compiled import Config
from gateway.config.diagnostics import Mark
from gateway.config.sameness import Needed, Sort, needed
from gateway.config.showing import HIDDEN, Showing, brief, guard_told


def actions(
    old: Config | None, new: Config, home: Path, shown: tuple[Showing, Showing] | None = None
) -> tuple[Action, ...]:
    """One action for everything that either config opens. `home` is where both would run.

    `shown` are the old and the new values as they may be seen; without them no action has details.
    """
    before = needed(old) if old is not None else dict[tuple[Sort, str], Needed]()
    after = needed(new)
    return tuple(_action(before.get(key), after.get(key), home, shown) for key in sorted(before.keys() | after.keys()))


def _action(before: Needed | None, after: Needed | None, home: Path, shown: tuple[Showing, Showing] | None) -> Action:
    known = after or before
    assert known is not None  # noqa: S101 -- the key came from one of them
    verb: Verb = "create" if before is None else "close"
    details: tuple[Detail, ...] = ()
    if before is not None and after is not None:
        verb = "reuse" if before.identity(home) == after.identity(home) else "recreate"
        details = tuple(_details(before, after, shown)) if shown else ()
    return Action(verb=verb, sort=known.sort, name=known.declared.key, details=details, mark=known.declared.mark)


def _details(before: Needed, after: Needed, shown: tuple[Showing, Showing]) -> list[Detail]:
    """What differs between two declarations of one name."""
    old, new = before.declared, after.declared
    marks = old.mark, new.mark
    found: list[Detail] = []
    if old.plugin is not new.plugin:
        return [_detail("type", old.type_name, new.type_name, marks)]
    left, right = shown[0].options(old), shown[1].options(new)
    for name in old.options.__struct_fields__:
        if getattr(old.options, name) != getattr(new.options, name):
            same_text = left[name] == right[name]
            was, now = (HIDDEN, HIDDEN) if same_text else (brief(left[name]), brief(right[name]))
            found.append(_detail(name, was, now, marks))
    if old.embedder != new.embedder:
        found.append(_detail("embedder", old.embedder or "none", new.embedder or "none", marks))
    if old.guard != new.guard:
        found.append(_detail("guard", brief(guard_told(old.guard)), brief(guard_told(new.guard)), marks))
    if before.dimension != after.dimension:
        was, now = (str(each.dimension or "none") for each in (before, after))
        found.append(_detail("dimension", was, now, marks))
    return found


def _detail(path: str, old: str, new: str, marks: tuple[Mark | None, Mark | None]) -> Detail:
    return Detail(path=path, old=old, new=new, old_at=marks[0], new_at=marks[1])
