"""A tree against a schema: every structural problem, each at its own place and in one sentence.

What does not fit is then taken out, so that one slip hides no other problem. Values that came from a reference, or
could be credentials, are never quoted. Knows nothing of what the keys mean.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.dialect import SECRET, Schema
from gateway.config.located import Located, Where, copied
from gateway.config.phrases import phrase
from gateway.config.problems import OWN, Dialect, Problem, problems_of
from gateway.config.scalars import read_scalar
from gateway.config.shortcut import Shortcut
from gateway.config.suggest import nearest

ROUNDS: Final = 8
_KEYED: Final = frozenset({"additionalProperties", "propertyNames", "required"})  # told where the key stands


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`located` holds only what fits the schema; `fits` is False where not even its root does.

    `pruned` are the paths that had to go, `sensitive` those whose text must not be shown. `written` is the tree as a
    struct, where somebody has made one already.
    """

    located: Located
    fits: bool
    pruned: frozenset[Where] = frozenset()
    sensitive: frozenset[Where] = frozenset()
    diagnostics: tuple[Diagnostic, ...] = ()
    written: msgspec.Struct | None = None


class Shape:
    """One schema, ready to check trees. `shortcut` is for files that are expected to fit, `schemes` what picks providers
    by a URL."""

    def __init__(
        self,
        schema: Schema,
        shortcut: Shortcut | None = None,
        schemes: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    ) -> None:
        self.shortcut = shortcut
        self.schemes = schemes
        self._schema = schema
        self._validator = Dialect(schema)

    def check(self, located: Located, texts: Mapping[Where, str], *, lenient: bool) -> Checked:
        """`texts` are the paths that held references; `lenient` makes inline secrets a warning."""
        tree = copied(located.tree)
        problems = problems_of(self._validator, tree)
        if _reread(tree, problems, texts):
            problems = problems_of(self._validator, tree)
        problems = [each for each in problems if not _muted(each.where, located.muted)]
        problems = [each for each in problems if not _misspelt(each, problems)]
        notes = [note for each in problems if (note := self._note(located, each, texts, lenient=lenient))]
        sensitive = {where for each in problems if (where := _hides(each)) is not None}
        fits, pruned = self._prune(tree, problems, located.muted)
        return Checked(
            located=msgspec.structs.replace(located, tree=tree),
            fits=fits,
            pruned=frozenset(pruned),
            sensitive=frozenset(sensitive),
            diagnostics=tuple(notes),
        )

    def _note(
        self, located: Located, problem: Problem, texts: Mapping[Where, str], *, lenient: bool
    ) -> Diagnostic | None:
        where = problem.where
        if problem.keyword == OWN or (problem.keyword == SECRET and where in texts):
            return None
        if problem.keyword == SECRET:
            name = str(where[-1])
            hint = f"write {name}: ${{env:NAME}} or ${{file:path}}"
            severity = Severity.WARNING if lenient else Severity.ERROR
            return found("MG0501", located.mark(*where), f"{name} is a secret", hint, severity=severity)
        code, message, hint = phrase(problem, self._schema, hidden=where in texts or "api_keys" in where)
        mark = located.key(*where) if problem.keyword in _KEYED else located.mark(*where)
        return found(code, mark, message, hint)

    def _prune(self, tree: Any, problems: Sequence[Problem], muted: frozenset[Where]) -> tuple[bool, set[Where]]:
        pruned: set[Where] = set()
        wrong = {each.where for each in problems if each.keyword != SECRET}
        own = {each.where for each in problems if each.keyword == OWN}
        wrong |= {where for where in muted if _there(tree, where)}
        for _ in range(ROUNDS):
            if not wrong:
                return True, pruned - own
            if () in wrong:
                return False, pruned - own
            # Later items of a list first, so that the paths of the earlier ones stay true.
            for where in sorted(wrong, key=_backwards, reverse=True):
                pruned.add(_remove(tree, where))
            wrong = {each.where for each in problems_of(self._validator, tree) if each.keyword != SECRET}
        return False, pruned - own


def _hides(problem: Problem) -> Where | None:
    """What must not be shown: a secret, what stands under an unknown key, the options of an unknown plugin."""
    if problem.keyword in (SECRET, "additionalProperties"):
        return problem.where
    if problem.keyword == "enum" and problem.where[-1:] == ("type",):
        return problem.where[:-1]
    return problem.where if problem.keyword == "required" and problem.name == "type" else None


def _misspelt(problem: Problem, problems: Sequence[Problem]) -> bool:
    """Whether a key is missing only because it is misspelt, which is told already."""
    if problem.keyword != "required":
        return False
    strangers = [each.where for each in problems if each.keyword == "additionalProperties"]
    return any(where[:-1] == problem.where and nearest(str(where[-1]), [problem.name]) for where in strangers)


def _muted(where: Where, muted: frozenset[Where]) -> bool:
    return any(where[:length] in muted for length in range(len(where) + 1))


def _reread(tree: Any, problems: Sequence[Problem], texts: Mapping[Where, str]) -> bool:
    """A reference in a field that takes no text means what it would mean if it were written there."""
    changed = False
    for problem in problems:
        if problem.where in texts and problem.keyword in ("type", "enum", "anyOf", "const"):
            value = read_scalar(str(problem.given))
            if not isinstance(value, str) and value is not None:
                _at(tree, problem.where[:-1])[problem.where[-1]] = value
                changed = True
    return changed


def _remove(tree: Any, where: Where) -> Where:
    """Take out the value at a path; an item of a list takes the whole list with it."""
    while isinstance(where[-1], int):
        where = where[:-1]
    if _there(tree, where):
        del _at(tree, where[:-1])[where[-1]]
    return where


def _there(tree: Any, where: Where) -> bool:
    for step in where:
        if isinstance(tree, dict) and step in tree:
            tree = cast("dict[Any, Any]", tree)[step]
        elif isinstance(tree, list) and isinstance(step, int) and step < len(cast("list[Any]", tree)):
            tree = cast("list[Any]", tree)[step]
        else:
            return False
    return True


def _at(tree: Any, where: Where) -> Any:
    for step in where:
        tree = tree[step]
    return tree


def _backwards(where: Where) -> tuple[int, tuple[str, ...]]:
    return len(where), tuple(str(step) for step in where)
