"""One operation as this client knows it, and an Ask: that operation with the values of one call.

Everything that the synchronous and the asynchronous client do alike is here or in what uses this; neither knows a path.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import UNSET

Reply = TypeVar("Reply")

Repeats = Literal["always", "keyed", "never"]

_SPOKEN: Final = {"session_id": "run_id"}  # what paths call a part of the scope


class OwnerParts(TypedDict, total=False):
    """What any call may name: whose it is, and which route. What the bound client names is the default."""

    user_id: str | None
    agent_id: str | None
    route: str | None


class ScopeParts(OwnerParts, total=False):
    """The same for calls whose path names no session or run."""

    run_id: str | None


_PARTS: Final = frozenset({"user_id", "agent_id", "run_id", "route"})


class Operation(msgspec.Struct, Generic[Reply], frozen=True, kw_only=True):
    """`repeats`: whether a call whose fate is unknown may be sent again: always (it reads, or lands on the same),
    keyed (with the same Idempotency-Key) or never. `empty` makes the reply of a read that found nothing."""

    method: str
    path: str
    decoder: msgspec.json.Decoder[Reply]
    repeats: Repeats = "always"
    empty: Callable[[Mapping[str, str]], Reply] | None = None

    @property
    def bodied(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")


class Ask(msgspec.Struct, Generic[Reply], frozen=True, kw_only=True):
    """One call. `key` stays the same however often it is sent; `patience` is what its answer may take longer than
    others, in seconds."""

    operation: Operation[Reply]
    path: dict[str, str]
    values: dict[str, Any]
    scope: OwnerParts
    key: str = ""
    patience: float = 0.0

    def target(self) -> str:
        return self.operation.path.format_map({name: _segment(name, value) for name, value in self.path.items()})

    def payload(self, defaults: ScopeParts) -> dict[str, Any]:
        """The values and the scope, without what the path says already."""
        scope = {**cast("dict[str, Any]", defaults), **cast("dict[str, Any]", self.scope)}
        named = {_SPOKEN.get(name, name) for name in self.path}
        return {**self.values, **{name: each for name, each in scope.items() if each is not None and name not in named}}

    def body(self, defaults: ScopeParts) -> bytes | None:
        return msgspec.json.encode(self.payload(defaults)) if self.operation.bodied else None

    def query(self, defaults: ScopeParts) -> list[tuple[str, str]]:
        if self.operation.bodied:
            return []
        pairs: list[tuple[str, str]] = []
        for name, value in self.payload(defaults).items():
            many = cast("list[Any]", value) if isinstance(value, list) else [value]
            pairs.extend((name, _parameter(each)) for each in many)
        return pairs


def operation(
    method: str,
    path: str,
    reply: type[Reply],
    repeats: Repeats = "always",
    empty: Callable[[Mapping[str, str]], Reply] | None = None,
) -> Operation[Reply]:
    return Operation(method=method, path=path, decoder=msgspec.json.Decoder(reply), repeats=repeats, empty=empty)


def ask(
    of: Operation[Reply],
    scope: OwnerParts,
    values: Mapping[str, Any],
    key: str | None = None,
    patience: float = 0.0,
    **path: str,
) -> Ask[Reply]:
    """Leaves out what is None or unset; what is to be sent as null is wrapped by `raw`."""
    if of.repeats == "keyed" and not key:
        key = str(uuid4())
    given = {name: value for name, value in values.items() if value is not None and value is not UNSET}
    named = {name: given.pop(name) for name in _PARTS & given.keys()}
    owner = cast("OwnerParts", {**scope, **named})
    return Ask(operation=of, path=path, values=given, scope=owner, key=key or "", patience=patience)


def raw(value: Any) -> Any:
    """The value as JSON, null included; still unset where it is."""
    return UNSET if value is UNSET else msgspec.Raw(msgspec.json.encode(value))


def _segment(name: str, value: str) -> str:
    """One segment of a path, whatever is in the id. A segment of dots alone would be taken for a folder's."""
    if not value:
        raise ValueError(f"{name} is empty")
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def _parameter(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode().strip('"')
