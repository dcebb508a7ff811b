"""Fernet keys in place of a keyring, for those who come from there: the first seals, all open.

A token holds what was sealed after a digest of its place, since Fernet itself binds a token to nothing. These keys are
the operator's: they are the same for all subjects, are not shredded, and rotate by putting a new one first.
"""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from gateway.domain.sealing import Sealer, Standing, Turns, prefixed, tampered
from gateway.sealing.envelope import derived
from gateway.sealing.subject import TOKEN_BYTES, canonical
from gateway.sealing.turning import Turning

_START: Final = "gAAAA"  # the version of a token, and of its time what changes in some 500 years
_DIGEST: Final = 32


def fernet_key(text: str) -> bytes | None:
    """The 32 bytes of a key; None where the text is none."""
    import binascii
    from base64 import urlsafe_b64decode

    try:
        raw = urlsafe_b64decode(text.strip().encode())
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None


class FernetKeys:
    """A Keyring whose sealers are all the same. At least one key."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._sealer = FernetSealer(keys)
        self._turns: dict[int, Turning] = {}

    async def sealer(self, tenant: str, user: str, seen: Collection[str] = ()) -> Sealer:
        return self._sealer

    async def turns(self, tenant: str, dimension: int) -> Turns:
        found = self._turns.get(dimension)
        if found is None:
            found = self._turns[dimension] = Turning(self._sealer.vector_key(tenant), dimension)
        return found

    async def revision(self, tenant: str) -> bytes:
        return b""


class FernetSealer:
    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.strip().encode() for key in keys]
        self._fernets = [Fernet(key) for key in self._keys]
        self._ids = ["f" + hashlib.sha256(b"fernet" + key).hexdigest()[:16] for key in self._keys]
        self.current = self._ids[0]

    def key_of(self, value: str) -> str:
        """Tokens do not name their key: it is tried."""
        if not value.startswith(_START):
            return ""
        for id_, fernet in zip(self._ids, self._fernets, strict=True):
            try:
                fernet.decrypt(value)
            except InvalidToken:
                continue
            return id_
        return "unknown"

    def standing(self, value: str) -> Standing:
        return Standing.OPENS if value.startswith(_START) else Standing.BARE

    def seal(self, plain: bytes, place: bytes) -> str:
        return self._fernets[0].encrypt(hashlib.sha256(place).digest() + plain).decode()

    def open(self, value: str, place: bytes) -> bytes:
        for fernet in self._fernets:
            try:
                found = fernet.decrypt(value)
            except InvalidToken:
                continue
            if not hmac.compare_digest(found[:_DIGEST], hashlib.sha256(place).digest()):
                break
            return found[_DIGEST:]
        raise tampered()

    def tokens(self, name: str, value: Any) -> Sequence[str]:
        told = prefixed(name) + msgspec.json.encode(canonical(value), order="sorted")
        return [hmac.digest(derived(key, "index"), told, "sha256")[:TOKEN_BYTES].hex() for key in self._keys]

    def vector_key(self, tenant: str) -> bytes:
        """By the last key, which stays the longest: vectors cannot be turned by two."""
        return derived(self._keys[-1], f"vector {tenant}")
