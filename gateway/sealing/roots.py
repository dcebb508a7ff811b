"""Root keys: where they come from, and how they wrap the keys of tenants. Never stored, never printed.

A root is known by an id that follows from the key, so operators name none. Reads its source when it is opened.
"""

import asyncio
import binascii
import hashlib
import os
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from gateway.domain.errors import Misconfigured
from gateway.domain.ids import Randomness
from gateway.domain.sealing import tampered
from gateway.domain.units import Secret
from gateway.sealing.envelope import KEY_BYTES, NONCE_BYTES

_COMMAND_SECONDS: Final = 20.0


class RootSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a root key comes from: 32 bytes, raw, in base64 or in hex; or a key of AWS KMS, which never leaves it."""

    type: Annotated[Literal["env", "file", "command", "aws-kms"], Meta(description="Which kind of source.")]
    name: Annotated[str, Meta(min_length=1, description="env: the variable that holds the key.")] | None = None
    path: Annotated[str, Meta(min_length=1, description="file: that holds the key.")] | None = None
    run: Annotated[tuple[str, ...], Meta(min_length=1, description="command: prints the key; no shell.")] | None = None
    key_id: Annotated[str, Meta(min_length=1, description="aws-kms: id, ARN or alias of the key.")] | None = None
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None

    def lacks(self) -> str:
        """The key that this type needs and is not given; "" where nothing is missing."""
        needed = {"env": "name", "file": "path", "command": "run", "aws-kms": "key_id"}[self.type]
        return "" if getattr(self, needed) is not None else needed


class Root(Protocol):
    @property
    def id(self) -> str: ...

    async def wrap(self, key: bytes, place: bytes) -> bytes: ...

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Tampered for what this root did not wrap at this place."""
        ...


class LocalRoot:
    """A root key in this process."""

    def __init__(self, key: bytes, randomness: Randomness) -> None:
        self.id = "r" + hashlib.sha256(b"memory-gateway root" + key).hexdigest()[:16]
        self._aead = AESGCM(key)
        self._randomness = randomness

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        nonce = self._randomness(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, place)

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        try:
            return self._aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise tampered() from None


async def open_root(
    source: RootSource, home: Path, randomness: Randomness, env: Mapping[str, str] | None = None
) -> Root:
    """Misconfigured where the source has no key of 32 bytes; never says what it has instead."""
    if source.type == "aws-kms":
        from gateway.sealing.kms import KmsRoot

        return KmsRoot(source)
    return LocalRoot(await _KEYS[source.type](source, home, os.environ if env is None else env), randomness)


async def _from_env(source: RootSource, _home: Path, env: Mapping[str, str]) -> bytes:
    text = env.get(source.name or "")
    if not text:
        raise Misconfigured(f"the root key's variable {source.name} is not set")
    return read_key(text.encode(), f"the variable {source.name}")


async def _from_file(source: RootSource, home: Path, _env: Mapping[str, str]) -> bytes:
    path = home / (source.path or "")
    try:
        raw = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise Misconfigured(f"the root key's file cannot be read: {error.strerror}") from None
    return read_key(raw, "the root key's file")


async def _from_command(source: RootSource, home: Path, _env: Mapping[str, str]) -> bytes:
    program = (source.run or ("",))[0]
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            process = await asyncio.create_subprocess_exec(
                *(source.run or ()),
                cwd=home,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                raw, _ = await process.communicate()
            except asyncio.CancelledError:
                process.kill()
                raise
    except TimeoutError:
        raise Misconfigured(f"the root key's command {program!r} takes longer than {_COMMAND_SECONDS:g} s") from None
    except OSError as error:
        raise Misconfigured(f"the root key's command {program!r} does not start: {error.strerror}") from None
    if process.returncode:
        raise Misconfigured(f"the root key's command {program!r} ended with {process.returncode}")
    return read_key(raw, "what the root key's command prints")


_KEYS: Final[Mapping[str, Callable[[RootSource, Path, Mapping[str, str]], "asyncio.Future[bytes]"]]] = {
    "env": _from_env, "file": _from_file, "command": _from_command,
}  # fmt: skip # pyright: ignore[reportAssignmentType]


def read_key(raw: bytes, where: str) -> bytes:
    """32 bytes as they are, in base64 (either alphabet) or in hex."""
    if len(raw) == KEY_BYTES:
        return raw
    text = raw.strip()
    for decode in (bytes.fromhex, _base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise Misconfigured(f"{where} holds no key of 32 bytes; make one: memory-gateway keys root")


def _base64(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return urlsafe_b64decode(padded) if "-" in text or "_" in text else b64decode(padded, validate=True)
