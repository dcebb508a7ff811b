"""The keys of one subject, opened: the newest seals, all that are live open. A Sealer."""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

import msgspec

from gateway.domain.ids import Randomness
from gateway.domain.sealing import Standing, prefixed, tampered
from gateway.sealing.envelope import Cipher, derived, key_id_of

TOKEN_BYTES: Final = 4  # what equal values have in common is cut short: some unequal ones have it in common too


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a subject. `key` is None for one that is gone, and `standing` says how it went."""

    id: str
    number: int
    key: bytes | None
    standing: Standing = Standing.OPENS


class Subject:
    """Derives what it uses from each key, once, when it is needed."""

    def __init__(self, versions: Sequence[Version], randomness: Randomness) -> None:
        """There must be a live one."""
        self._versions: Mapping[str, Version] = {each.id: each for each in versions}
        self._live = sorted((each for each in versions if each.key is not None), key=lambda each: -each.number)
        self._randomness = randomness
        self._ciphers: dict[str, Cipher] = {}
        self._index: list[bytes] = []
        self.current = self._live[0].id

    @property
    def versions(self) -> Sequence[Version]:
        return tuple(self._versions.values())

    def key_of(self, value: str) -> str:
        return key_id_of(value)

    def standing(self, value: str) -> Standing:
        id_ = key_id_of(value)
        if not id_:
            return Standing.BARE
        version = self._versions.get(id_)
        return version.standing if version is not None else Standing.UNKNOWN

    def seal(self, plain: bytes, place: bytes) -> str:
        return self._cipher(self.current).seal(plain, place)

    def open(self, value: str, place: bytes) -> bytes:
        id_ = key_id_of(value)
        version = self._versions.get(id_)
        if version is None or version.key is None:
            raise tampered()
        return self._cipher(id_).open(value, place)

    def tokens(self, name: str, value: Any) -> Sequence[str]:
        if not self._index:
            self._index += [derived(each.key, "index") for each in self._live if each.key is not None]
        told = prefixed(name) + msgspec.json.encode(canonical(value), order="sorted")
        return [hmac.digest(key, told, sha256)[:TOKEN_BYTES].hex() for key in self._index]

    def _cipher(self, id_: str) -> Cipher:
        found = self._ciphers.get(id_)
        if found is None:
            key = self._versions[id_].key
            if key is None:
                raise tampered()
            found = self._ciphers[id_] = Cipher(id_, derived(key, "enc"), self._randomness)
        return found


def canonical(value: Any) -> Any:
    """Values that a filter calls equal, written alike: 1 and 1.0 are the same number, true is none."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return int(value) if float(value).is_integer() else float(value)
        case dict():
            return {key: canonical(each) for key, each in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [canonical(each) for each in cast("Sequence[Any]", value)]
        case _:
            return str(value)
