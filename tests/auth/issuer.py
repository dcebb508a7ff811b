"""An issuer of tokens for tests: real keys, real signatures, and a real server that shows the public ones."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISS: Final = "https://issuer.test/"
AUD: Final = "memory-gateway"


@cache
def private(kind: str, number: int = 0) -> Any:
    """`number` tells apart keys of one kind. Made once: large keys take long."""
    del number
    match kind:
        case "RSA":
            return rsa.generate_private_key(65537, 2048)
        case "RSA1024":
            return rsa.generate_private_key(65537, 1024)
        case "EC":
            return ec.generate_private_key(ec.SECP256R1())
        case "EC384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        told = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        told = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        told = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {**{name: value for name, value in told.items() if name != "key_ops"}, "kid": kid, **more}


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def claims(now: datetime | None = None, **more: Any) -> dict[str, Any]:
    """Good ones; `more` says what is different, None what is not there."""
    at = (now or datetime.now(UTC)).timestamp()
    told = {"iss": ISS, "aud": AUD, "sub": "ann", "org": "acme", "iat": at, "exp": at + 600, **more}
    return {name: value for name, value in told.items() if value is not None}


def token(
    told: Mapping[str, Any] | None = None,
    key: Any = None,
    *,
    algorithm: str = "EdDSA",
    headers: Mapping[str, Any] | None = None,
) -> str:
    """Signed with the issuer's EdDSA key, unless said otherwise."""
    signer = private("Ed25519") if key is None else key
    headed = {"kid": "one"} if headers is None else dict(headers)
    return jwt.encode(dict(claims() if told is None else told), signer, algorithm=algorithm, headers=headed)


class Shelf:
    """A server of one document. `calls` counts who asked; `status` and `delay` can be changed while it runs."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.status = 200
        self.delay = 0.0
        self.calls = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(self.delay)
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.raw)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.raw)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # whoever asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def shelf(raw: bytes, port: int = 0) -> AsyncGenerator[Shelf]:
    made = Shelf(raw)
    server = await asyncio.start_server(made.answer, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
