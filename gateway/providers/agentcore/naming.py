"""Ids of the gateway as ids that the service takes, and back: letters and digits as they are, other bytes as `_hh`.

    ann@example.com   ann_40example_2ecom
    ""                0_-
    @home             0_-_40home        what cannot begin an id there is put behind `0_-`
    <too long>        1_-<hash>         which nothing leads back from; the stored document says what it was

Distinct ids have distinct names. Knows nothing of records.
"""

import re
from collections.abc import Sequence
from typing import Final

from gateway.domain.scope import PARTS, Reach, fingerprint

ACTOR_LONGEST: Final = 255
SESSION_LONGEST: Final = 100
NAMESPACE_PART: Final = 150  # five of them and the rest stay below the service's 1024
_SHIFTED: Final = "0_-"
_HASHED: Final = "1_-"
_DIGITS: Final = 40
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_DASH: Final = ord("-")
_BETWEEN: Final = "_--"  # no name of a part holds it
_ESCAPED: Final = re.compile(r"_([0-9a-f]{2})")
_PLACE: Final = re.compile(r"^\{(\w+)\}$")

Parts = ("tenant", "space", *PARTS)


def named(value: str, longest: int) -> str:
    """A name of at most so many characters; `longest` is 43 or more."""
    escaped = "".join(
        chr(byte) if byte in _PLAIN or (byte == _DASH and at) else f"_{byte:02x}"
        for at, byte in enumerate(value.encode())
    )
    if not escaped or escaped[0] == "_":
        escaped = _SHIFTED + escaped
    return escaped if len(escaped) <= longest else _HASHED + fingerprint(value).hex()[:_DIGITS]


def value_of(name: str) -> str | None:
    """The value of a name; None where the name is a hash, or none that `named` gives."""
    if name.startswith(_HASHED):
        return None
    plain = name.removeprefix(_SHIFTED)
    raw = bytearray()
    at = 0
    while at < len(plain):
        found = _ESCAPED.match(plain, at)
        raw += bytes.fromhex(found[1]) if found else plain[at].encode()
        at += 3 if found else 1
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


class Joined:
    """Some parts of a scope in one id, in order, within a length."""

    def __init__(self, parts: Sequence[str], between: str, longest: int) -> None:
        self._parts = tuple(parts)
        self._between = between
        self._longest = (longest - len(between) * (len(parts) - 1)) // len(parts)

    def name(self, reach: Reach) -> str | None:
        """None where a part may be any."""
        values: list[str | None] = [getattr(reach, part) for part in self._parts]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return self._between.join(named(value, self._longest) for value in known)

    def may_cover(self, reach: Reach, name: str) -> bool:
        """Whether an id of the service may hold something of the reach: only what surely does not is left out."""
        names = name.split(self._between)
        if len(names) != len(self._parts):
            return False
        wanted: list[str | None] = [getattr(reach, part) for part in self._parts]
        return all(want is None or named(want, self._longest) == has for want, has in zip(wanted, names, strict=True))


def actor_ids(parts: Sequence[str]) -> Joined:
    return Joined(parts, "/", ACTOR_LONGEST)


def session_ids(parts: Sequence[str]) -> Joined:
    return Joined(parts, _BETWEEN, SESSION_LONGEST)


class Namespaces:
    """A template such as `/users/{user}/`: what stands in braces is a part of the scope, or `kind`."""

    def __init__(self, template: str) -> None:
        self._segments = [segment for segment in template.split("/") if segment]

    def exact(self, reach: Reach, kind: str) -> str | None:
        """The namespace of the reach; None where the template has a part that may be any."""
        path = self._begun(reach, kind)
        return f"/{'/'.join(path)}/" if len(path) == len(self._segments) else None

    def above(self, reach: Reach) -> str:
        """The deepest namespace that everything of the reach is under."""
        path = self._begun(reach, None)
        return f"/{'/'.join(path)}/" if path else "/"

    def _begun(self, reach: Reach, kind: str | None) -> list[str]:
        path: list[str] = []
        for segment in self._segments:
            place = _PLACE.match(segment)
            value = segment if place is None else kind if place[1] == "kind" else getattr(reach, place[1])
            if value is None:
                break
            path.append(value if place is None or place[1] == "kind" else named(value, NAMESPACE_PART))
        return path


def check_template(template: str, key: str) -> None:
    """ValueError in words where the template names no namespace."""
    for segment in filter(None, template.split("/")):
        place = _PLACE.match(segment)
        if place is not None and place[1] not in (*Parts, "kind"):
            raise ValueError(
                f"`{key}`: {{{place[1]}}} is none of {{tenant}} {{space}} {{user}} {{agent}} {{run}} {{kind}}"
            )
        if place is None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", segment):
            raise ValueError(f"`{key}`: {segment!r} is neither a name of letters, digits, - and _ nor a part in braces")
    if not template.startswith("/") or not template.strip("/"):
        raise ValueError(f"`{key}` starts with a slash and names something, as `/users/{{user}}/` does")
