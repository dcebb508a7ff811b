"""The forms of `scope:` to one rule. `user` alone means: the user owns, agent and run are only noted."""

from collections import Counter

from gateway.config.model import PartName, ScopeForm, ScopeTable
from gateway.domain.scope import PARTS, ScopeRule


def scope_rule(form: ScopeForm) -> ScopeRule:
    if isinstance(form, ScopeTable):
        return ScopeRule(
            require=frozenset(form.require),
            allow=frozenset(form.allow),
            any_of=frozenset(form.any_of),
            context=frozenset(form.context),
        )
    named: tuple[PartName, ...] = () if form == "global" else (form,) if isinstance(form, str) else form
    return ScopeRule(require=frozenset(named), context=frozenset(PARTS) - frozenset(named))


def contradictions(form: ScopeForm) -> list[str]:
    """The parts that are named twice: in two lists of a table, or in one list again."""
    if isinstance(form, str):
        return []
    listed = form if isinstance(form, tuple) else (*form.require, *form.allow, *form.any_of, *form.context)
    return sorted(part for part, times in Counter(listed).items() if times > 1)
