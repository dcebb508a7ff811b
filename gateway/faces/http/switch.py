"""Finding a phrase by method and path, slash for slash: `/v1/memories/` is not `/v1/memories` here.

Litestar takes the two for one, and there are clients whose every path ends in a slash and means something else.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.faces.http.serving import Served

_NONE: Final[Mapping[str, str]] = {}


class Switch:
    """A literal segment goes before a variable one. A variable takes one whole segment that is not empty."""

    def __init__(self, served: Iterable[Served]) -> None:
        self._fixed: dict[tuple[str, bytes], Served] = {}
        self._patterns: dict[tuple[str, int], list[tuple[tuple[str, ...], Served]]] = {}
        for each in served:
            if not each.path_names:
                self._fixed[each.phrase.method, each.phrase.path.encode()] = each
                continue
            segments = tuple(each.phrase.path.split("/"))
            known = self._patterns.setdefault((each.phrase.method, len(segments)), [])
            known.append((segments, each))
            known.sort(key=lambda pair: [segment.startswith("{") for segment in pair[0]])

    def find(self, method: str, raw: bytes) -> tuple[Served, Mapping[str, str]] | None:
        """What is meant, with its variables as they were sent."""
        known = self._fixed.get((method, raw))
        if known is not None:
            return known, _NONE
        if not self._patterns:
            return None
        segments = raw.decode("latin-1").split("/")
        for pattern, served in self._patterns.get((method, len(segments)), ()):
            variables = _match(pattern, segments)
            if variables is not None:
                return served, variables
        return None


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    variables: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not segment:
                return None
            variables[wanted[1:-1]] = segment
        elif wanted != segment:
            return None
    return variables
