"""What is proven of a client, method by method: the cases that its tests run are the rows of the published matrix.

A client says which methods it has and where it is released; each method has one case, so the matrix cannot say more than
the suite has run, nor leave a method out. Knows no dialect.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

import msgspec

Result: TypeAlias = Literal["works", "refused", "client"]
Case: TypeAlias = Callable[[Any], Awaitable[None]]

WORDS: dict[Result, str] = {
    "works": "works",
    "refused": "refused, in words",
    "client": "the client itself refuses",
}


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    result: Result
    says: str
    run: Case


class Proofs:
    """A table that its cases write themselves into: `@proofs("add", "is found by its owner")`."""

    def __init__(self) -> None:
        self.of: dict[str, Proof] = {}

    def __call__(self, method: str, says: str, result: Result = "works") -> Callable[[Case], Case]:
        def note(case: Case) -> Case:
            if method in self.of:
                raise ValueError(f"{method} has a case already")
            self.of[method] = Proof(method=method, result=result, says=says, run=case)
            return case

        return note


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """`classes` are the client's own, each with all of `methods`; the cases run with each of them on each backend."""

    dialect: str
    package: str
    classes: tuple[str, ...]
    methods: tuple[str, ...]
    proofs: Proofs
    backends: tuple[str, ...]

    @property
    def release(self) -> str:
        return f"{self.package} {version(self.package)}"

    def unproven(self) -> set[str]:
        """Methods without a case, and cases without a method."""
        return set(self.methods) ^ set(self.proofs.of)

    def rows(self) -> Sequence[Proof]:
        return [self.proofs.of[name] for name in self.methods if name in self.proofs.of]


def methods_of(kind: type[Any], prefix: str = "") -> tuple[str, ...]:
    """The public methods of a class, in the order in which they are written."""
    return tuple(
        dict.fromkeys(
            prefix + name
            for each in reversed(kind.__mro__)
            for name, value in vars(each).items()
            if not name.startswith("_") and inspect.isfunction(value)
        )
    )
