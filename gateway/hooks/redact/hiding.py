"""What takes the place of what was found, and the way back, where there is one.

A token is the value itself, encrypted so that the same value gives the same token within one tenant: so there is no map
to keep, to protect or to erase; without the key nothing comes back, and with the record the last of it is gone.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from gateway.domain.errors import Misconfigured

Way: TypeAlias = Literal["mask", "hash", "tokenise", "drop", "reject"]

TOKEN: Final = re.compile(r"\[([A-Z_]{2,40}):~([A-Z2-7]{20,})\]")


class Hiding:
    """`key` is needed to hash and to tokenise."""

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key is not None else b""
        self._cipher: Any = None

    def load(self) -> None:
        """For tokens. Misconfigured where the package for them is not there."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV
        except ModuleNotFoundError:
            raise Misconfigured("action tokenise needs the package 'cryptography'", code="package_missing") from None
        derived = hmac.digest(self._key, b"redact tokens 1", "sha256") + hmac.digest(
            self._key, b"redact tokens 2", "sha256"
        )
        self._cipher = AESSIV(derived)

    def put(self, value: str, type_: str, way: Way, tenant: str) -> str:
        match way:
            case "hash":
                told = f"{tenant}\0{type_}\0{_plain(value)}"
                return f"[{type_.upper()}:{hmac.new(self._key, told.encode(), 'sha256').hexdigest()[:16]}]"
            case "tokenise":
                sealed = self._cipher.encrypt(value.encode(), [tenant.encode(), type_.encode()])
                return f"[{type_.upper()}:~{b32encode(sealed).decode().rstrip('=')}]"
            case "drop":
                return ""
            case _:
                return f"[{type_.upper()}]"

    def reveal(self, text: str, tenant: str) -> str:
        """Every token of this tenant back to its value; what is no token of ours stays."""
        return TOKEN.sub(self._value(tenant), text) if "~" in text else text

    def _value(self, tenant: str) -> Callable[[re.Match[str]], str]:
        def value(found: re.Match[str]) -> str:
            type_, told = found[1].lower(), found[2]
            try:
                sealed = b32decode(told + "=" * (-len(told) % 8))
                return self._cipher.decrypt(sealed, [tenant.encode(), type_.encode()]).decode()
            except Exception:  # noqa: BLE001 - the cipher's own InvalidTag, which cannot be named without its package
                return found[0]

        return value


def _plain(value: str) -> str:
    """One spelling of what is the same: so that a hash finds it."""
    return re.sub(r"[\s().-]", "", value).casefold()
