"""How specific a match is, and whether some request fits two of them. Pure; knows routes only by their match."""

from collections.abc import Mapping

from gateway.config.model import Match, Patterns


def conditions(match: Match | None) -> dict[str, tuple[str, ...]]:
    """The conditions as `op`, `user`, ..., `header x-a`, `claim org.id`, each with its alternatives."""
    if match is None:
        return {}
    named: dict[str, Patterns | None] = {key: getattr(match, key) for key in ("op", "user", "agent", "run")}
    named |= {f"header {name.lower()}": patterns for name, patterns in match.header.items()}
    named |= {f"claim {name}": patterns for name, patterns in match.claim.items()}
    return {
        name: (patterns,) if isinstance(patterns, str) else tuple(patterns)
        for name, patterns in named.items()
        if patterns is not None
    }


def specificity(match: Match | None) -> int:
    """More conditions are more specific; of as many, exact ones are more so than prefixes."""
    return sum(
        1000 if all(not pattern.endswith("*") for pattern in patterns) else 999
        for patterns in conditions(match).values()
    )


def witness(one: Match, other: Match) -> Mapping[str, str] | None:
    """A request that fits both, as the values it needs; None when there is none."""
    left, right = conditions(one), conditions(other)
    request: dict[str, str] = {}
    for name in sorted(left.keys() | right.keys()):
        value = _common(left.get(name, ("*",)), right.get(name, ("*",)))
        if value is None:
            return None
        request[name] = value
    return request


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> str | None:
    """A text, not empty, that a pattern of each side takes."""
    for one in left:
        for other in right:
            value = _meet(one, other)
            if value is not None:
                return value or "x"
    return None


def _meet(one: str, other: str) -> str | None:
    if one.endswith("*") and other.endswith("*"):
        short, long = sorted((one[:-1], other[:-1]), key=len)
        return long if long.startswith(short) else None
    if one.endswith("*"):
        one, other = other, one
    return one if one == other or (other.endswith("*") and one.startswith(other[:-1])) else None
