"""API keys: `mgk_<id>_<secret>_<checksum>`.

The prefix lets secret scanners find a leaked key, the checksum refuses a mistyped one without a look-up, the id may be
logged. Only the SHA-256 of the whole key is ever stored: 256 bits of randomness need no slow hash.
"""

import hashlib
import zlib
from typing import Final

import msgspec

from gateway.domain.ids import Randomness

PREFIX: Final = "mgk"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARS, _SECRET_CHARS, _CHECK_CHARS = 12, 43, 6


class NewKey(msgspec.Struct, frozen=True):
    id: str
    text: str  # shown once
    hash: str  # what the YAML holds


def new_key(randomness: Randomness) -> NewKey:
    id_ = _base62(int.from_bytes(randomness(9)), _ID_CHARS)
    body = f"{PREFIX}_{id_}_{_base62(int.from_bytes(randomness(32)), _SECRET_CHARS)}"
    text = f"{body}_{checksum(body)}"
    return NewKey(id_, text, "sha256:" + hash_key(text))


def hash_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def well_formed(text: str) -> bool:
    """Whether this can be a key at all: shape and checksum, no look-up."""
    body, _, check = text.rpartition("_")
    parts = body.split("_")
    return (
        len(parts) == 3
        and parts[0] == PREFIX
        and len(parts[1]) == _ID_CHARS
        and len(parts[2]) == _SECRET_CHARS
        and text.isascii()
        and checksum(body) == check
    )


def checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_CHARS)


def _base62(number: int, width: int) -> str:
    chars: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))
