"""Ed25519 over receipts: signing with the gateway's key, and checking with its public half, offline.

A receipt that differs in one byte of what it says, or of its signature, is Tampered.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.domain.errors import Invalid, Tampered
from gateway.receipts.receipt import Receipt, canonical

_CONTEXT: Final = b"memory-gateway erasure receipt 1\n"  # a signature of something else is none of a receipt
_MARK: Final = "ed25519:"
_SEED: Final = 32


class Signer:
    """One private key. `key` names it in receipts."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key = name_of(private.public_key())

    def signed(self, receipt: Receipt) -> bytes:
        """The receipt with its signature, in canonical form."""
        named = msgspec.structs.replace(receipt, key=self.key, signature="")
        signature = self._private.sign(_CONTEXT + canonical(named))
        return canonical(msgspec.structs.replace(named, signature=signature.hex()))

    def public(self) -> str:
        pem = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()


def read_private(text: str) -> Signer:
    """An Ed25519 private key as PEM, or its 32 bytes in hex or base64. Invalid for anything else, without quoting it."""
    if "-----BEGIN" in text:
        try:
            private: Any = load_pem_private_key(text.encode(), None)
        except (ValueError, TypeError):
            private = None
        if isinstance(private, Ed25519PrivateKey):
            return Signer(private)
    elif (seed := _bytes(text.strip())) is not None:
        return Signer(Ed25519PrivateKey.from_private_bytes(seed))
    raise Invalid("a signing key is an Ed25519 private key: PEM, or 32 bytes in hex or base64")


def read_public(text: str) -> Ed25519PublicKey:
    """PEM, or 32 bytes in hex or base64. A private key is taken for none."""
    if "-----BEGIN PUBLIC" in text:
        try:
            public: Any = load_pem_public_key(text.encode())
        except ValueError:
            public = None
        if isinstance(public, Ed25519PublicKey):
            return public
    elif (raw := _bytes(text.strip().removeprefix(_MARK))) is not None:
        return Ed25519PublicKey.from_public_bytes(raw)
    raise Invalid("a public key is an Ed25519 one: PEM, or 32 bytes in hex or base64")


def kept_private(path: Path, randomness: Callable[[int], bytes]) -> Signer:
    """The key in the file, made for its owner alone where there is none. Several may be at it at once: one makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(randomness(_SEED).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            pass  # made by another process a moment ago: that one holds
        finally:
            new.unlink()
    return read_private(path.read_text())


def checked(raw: bytes, public: Ed25519PublicKey) -> Receipt:
    """What it says, if it was signed with that key and is as it was then. Blanks around it do not count."""
    try:
        plain: Any = msgspec.json.decode(raw)
        receipt = msgspec.convert(plain, Receipt)
        if not isinstance(plain, dict) or canonical(receipt) != canonical(cast("dict[str, Any]", plain)):
            raise Tampered("not what a gateway writes")
        unsigned = canonical(msgspec.structs.replace(receipt, signature=""))
        signature = bytes.fromhex(receipt.signature)
        if signature.hex() != receipt.signature or receipt.key != name_of(public):
            raise Tampered("signed with another key")
        public.verify(signature, _CONTEXT + unsigned)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise Tampered(f"no receipt: {type(error).__name__}") from None
    except InvalidSignature:
        raise Tampered("the signature is not that of what it says") from None
    return receipt


def name_of(public: Ed25519PublicKey) -> str:
    return _MARK + public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def pseudonym(secret: bytes, tenant: str, user: str) -> str:
    """The person's name in receipts and fences: says nothing to whoever does not have the secret."""
    parts = b"".join(len(each).to_bytes(4) + each for each in (tenant.encode(), user.encode()))
    return hashlib.blake2b(parts, key=secret, digest_size=24).hexdigest()


def _bytes(text: str) -> bytes | None:
    for read in (bytes.fromhex, _base64):
        try:
            raw = read(text)
        except (ValueError, binascii.Error):
            continue
        if len(raw) == _SEED:
            return raw
    return None


def _base64(text: str) -> bytes:
    return base64.b64decode(
        text + "=" * (-len(text) % 4), altchars=b"-_" if "-" in text or "_" in text else None, validate=True
    )
