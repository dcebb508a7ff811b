"""Other spellings of the same setting, made one before layers are merged, so that either may override the other."""

from typing import Any, Final, cast

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.located import Located, Where

KEYS: Final[dict[str, str]] = {"max_memories": "top_k"}  # below `retrieval`
STRATEGIES: Final[dict[str, str]] = {"relevant": "semantic"}


def one_spelling(located: Located, layers: list[Where]) -> list[Diagnostic]:
    """Rewrites the layers at these paths in place: the tree, and the places that go with it."""
    notes: list[Diagnostic] = []
    for layer in layers:
        where = (*layer, "retrieval")
        retrieval = _at(located.tree, where)
        if not isinstance(retrieval, dict):
            continue
        settings = cast("dict[str, Any]", retrieval)
        for other, name in KEYS.items():
            if other not in settings:
                continue
            if name in settings:
                related = Related(located.key(*where, name), f"{name} is given here")
                what = f"{other} and {name} are the same setting"
                notes.append(found("MG0209", located.key(*where, other), what, f"keep {name}", related=(related,)))
                del settings[other]
                continue
            settings[name] = settings.pop(other)
            cast("dict[Where, Any]", located.values)[(*where, name)] = located.mark(*where, other)
            cast("dict[Where, Any]", located.keys)[(*where, name)] = located.key(*where, other)
        strategy = settings.get("strategy")
        if isinstance(strategy, str):
            settings["strategy"] = STRATEGIES.get(strategy, strategy)
    return notes


def _at(tree: Any, where: Where) -> Any:
    for step in where:
        if not isinstance(tree, dict):
            return None
        tree = cast("dict[Any, Any]", tree).get(step)
    return tree
