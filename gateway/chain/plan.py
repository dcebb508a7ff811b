"""What of a record is sealed: the plan of one route, and how metadata is taken apart and put together by it.

A path is the keys that lead into the metadata; the empty path is all of it. Knows no keys and no provider.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from gateway.domain.filters import All, Compare, Filter, Not, Some
from gateway.domain.record import Kind
from gateway.domain.sealing import Sealer

Path: TypeAlias = tuple[str, ...]
Vectors: TypeAlias = Literal["plain", "keyed", "sealed", "none"]
Taken: TypeAlias = list[tuple[list[str], Any]]

OURS: Final = "mg-"  # how the metadata keys start that are ours on sealed routes
SEALED: Final = f"{OURS}sealed"
_NESTED: Final = frozenset({Kind.CHECKPOINT, Kind.RUN})  # their client's metadata stands one level down


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`metadata` are sealed paths; `index` those of them whose equality a backend may still test.

    Where the content is sealed, past texts of a memory's history are too.
    """

    content: bool = True
    role: bool = False
    metadata: tuple[Path, ...] = ()
    vectors: Vectors = "sealed"
    index: tuple[Path, ...] = ()
    plaintext_until: datetime | None = None

    def paths(self, kind: Kind) -> tuple[Path, ...]:
        """What is sealed of the metadata of such a record."""
        if kind is Kind.HISTORY:
            return (("old",), ("new",)) if self.content else ()
        if kind in _NESTED:
            return tuple(("metadata", *path) for path in self.metadata)
        return self.metadata

    def hides(self, test: Compare, kinds: frozenset[Kind]) -> bool:
        """Whether a backend cannot tell the outcome of a test, because it does not see what it is about."""
        match test.field:
            case "text":
                return self.content
            case "role":
                return self.role
            case None:
                path = test.path
                if path[0].startswith(OURS):
                    return True
                return any(_meet(sealed, path) for kind in kinds for sealed in self.paths(kind))
            case _:
                return False

    def pushed(self, test: Filter | None, kinds: frozenset[Kind], sealer: Sealer | None) -> tuple[Filter | None, bool]:
        """A filter that passes all that `test` passes and that a backend can evaluate; and whether it is as narrow.

        `sealer` is that of the one subject that is asked about, if it is one.
        """
        match test:
            case None:
                return None, True
            case Compare():
                if not self.hides(test, kinds):
                    return test, True
                return self._by_tokens(test, sealer), False
            case All():
                parts = [self.pushed(part, kinds, sealer) for part in test.parts]
                known = tuple(part for part, _ in parts if part is not None)
                return All(known) if known or not test.parts else None, all(exact for _, exact in parts)
            case Some():
                parts = [self.pushed(part, kinds, sealer) for part in test.parts]
                known = tuple(part for part, _ in parts if part is not None)
                return (Some(known), all(exact for _, exact in parts)) if len(known) == len(parts) else (None, False)
            case Not():
                part, exact = self.pushed(test.part, kinds, sealer)
                return (Not(part), True) if exact and part is not None else (None, False)

    def _by_tokens(self, test: Compare, sealer: Sealer | None) -> Filter | None:
        if sealer is None or test.field is not None or test.path not in self.index or test.op not in ("eq", "in"):
            return None
        name = token_key(test.path)
        wanted = cast("Sequence[Any]", test.value) if test.op == "in" else [test.value]
        tokens = [token for value in wanted for token in sealer.tokens(name, value)]
        return Compare("in", tokens, path=(name,))

    def tokens(self, kind: Kind, metadata: Mapping[str, Any], sealer: Sealer) -> Iterator[tuple[str, str]]:
        """What stands in the metadata in place of indexed values; of memories and messages, which are searched."""
        for path in self.index if kind in (Kind.MEMORY, Kind.MESSAGE) else ():
            found = _at(metadata, path)
            if found is not _NOTHING:
                name = token_key(path)
                yield name, sealer.tokens(name, found)[0]


def token_key(path: Path) -> str:
    """The metadata key of an index; of nested paths as flat as of others."""
    return OURS + "index-" + "-".join(f"{len(step)}-{step}" if "-" in step else step for step in path)


def take(metadata: Mapping[str, Any], paths: Sequence[Path]) -> tuple[dict[str, Any], Taken]:
    """What stays to be seen, and what is taken out, with where it stood."""
    if () in paths:
        return {}, [([], dict(metadata))]
    left, taken = dict(metadata), list[tuple[list[str], Any]]()
    for path in paths:
        left, found = _without(left, path)
        if found is not _NOTHING:
            taken.append((list(path), found))
    return left, taken


def give_back(left: Mapping[str, Any], taken: Taken) -> dict[str, Any]:
    """What `take` was given."""
    whole = dict(left)
    for path, value in taken:
        if not path:
            whole |= value
            continue
        inner = whole
        for step in path[:-1]:
            inner[step] = dict(inner.get(step) or {})
            inner = inner[step]
        inner[path[-1]] = value
    return whole


def shows(metadata: Mapping[str, Any], paths: Sequence[Path]) -> bool:
    """Whether something can be seen that should have been taken out."""
    if () in paths:
        return any(not key.startswith(OURS) for key in metadata)
    return any(_at(metadata, path) is not _NOTHING for path in paths)


class _Nothing:
    pass


_NOTHING: Final = _Nothing()


def _at(metadata: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(metadata, dict) or step not in metadata:
            return _NOTHING
        metadata = cast("dict[str, Any]", metadata)[step]
    return metadata  # pyright: ignore[reportUnknownVariableType] -- metadata is Any


def _without(metadata: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any]:
    found = _at(metadata, path)
    if found is _NOTHING:
        return metadata, _NOTHING
    left = dict(metadata)
    if len(path) == 1:
        del left[path[0]]
    else:
        left[path[0]], _ = _without(left[path[0]], path[1:])
    return left, found


def _meet(one: Path, other: Path) -> bool:
    """Whether one of two paths leads through the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
