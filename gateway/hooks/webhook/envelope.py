"""The envelope that a letter waits in: whoever has the file alone reads nothing, and whom it is about is a keyed hash.

Its keys come from the webhook's own secret, so that there is none beside the file. Knows neither the file nor HTTP.
"""

import hmac
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.ids import Randomness

_NONCE: Final = 12


class Envelope:
    """Opens with the first of the secrets and with each before it; seals with the first."""

    def __init__(self, secrets: Sequence[str], randomness: Randomness) -> None:
        self._randomness = randomness
        self._keys = [_derived(each, b"letters") for each in secrets]
        self._names = [_derived(each, b"persons") for each in secrets]

    def seal(self, id_: str, body: bytes) -> bytes:
        nonce = self._randomness(_NONCE)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, body, id_.encode())

    def open(self, id_: str, sealed: bytes) -> bytes | None:
        """None where it is another letter's, was changed, or is sealed under a secret that is not known any more."""
        for key in self._keys:
            try:
                return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], id_.encode())
            except (InvalidTag, ValueError):
                continue
        return None

    def persons(self, tenant: str, user: str) -> list[str]:
        """What stands for a person, under each secret; the first is today's."""
        said = f"{len(tenant)}:{tenant}{user}".encode()
        return [hmac.digest(key, said, "sha256").hex()[:32] for key in self._names]


def _derived(secret: str, label: bytes) -> bytes:
    """No signature is ever made of these words: those begin with a number."""
    return hmac.digest(secret.encode(), b"memory-gateway webhook " + label, "sha256")
