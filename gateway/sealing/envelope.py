"""The form of a sealed value: `mg1.<key id>.<nonce, ciphertext and tag in base64url>`, by AES-256-GCM.

The place of the value, the form and the key's id are authenticated with it. A nonce is 96 random bits. Knows bytes only.
"""

import binascii
import re
from base64 import urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.ids import Randomness
from gateway.domain.sealing import prefixed, tampered

FORM: Final = "mg1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_HEAD: Final = re.compile(r"mg1\.([a-z][0-9a-f]{16})\.")
_SHORTEST: Final = 60
_PLAIN: Final = str.maketrans("-_", "+/")


def key_id_of(value: str) -> str:
    """The id of the key in an envelope; "" where the text is none."""
    found = _HEAD.match(value) if value.startswith("mg1.") and len(value) >= _SHORTEST else None
    return found[1] if found else ""


def derived(key: bytes, label: str) -> bytes:
    """A key of its own for each use, so that none has two."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=prefixed(FORM, label)).derive(key)


class Cipher:
    """One key at work. `id` is public."""

    __slots__ = ("_aead", "_head", "_randomness", "id")

    def __init__(self, id_: str, key: bytes, randomness: Randomness) -> None:
        self.id = id_
        self._aead = AESGCM(key)
        self._head = prefixed(FORM, id_)
        self._randomness = randomness

    def seal(self, plain: bytes, place: bytes) -> str:
        nonce = self._randomness(NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, plain, self._head + place)
        return f"{FORM}.{self.id}.{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, value: str, place: bytes) -> bytes:
        """Tampered, without detail, whatever is wrong. Of each envelope there is one spelling only."""
        text = value[len(FORM) + len(self.id) + 2 :]
        try:
            if "+" in text or "/" in text or "=" in text:
                raise tampered()  # another spelling of what is written with - and _
            raw = binascii.a2b_base64(text.translate(_PLAIN) + "=" * (-len(text) % 4), strict_mode=True)
            rest = len(raw) % 3
            if rest and not text.endswith(urlsafe_b64encode(raw[-rest:]).rstrip(b"=").decode()):
                raise tampered()  # the last character has bits that mean nothing: they must be zero
            return self._aead.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._head + place)
        except (InvalidTag, binascii.Error, ValueError):
            raise tampered() from None
