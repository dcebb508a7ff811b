"""A JWKS document to public keys. What cannot be used is passed over; what is not such a document is refused.

Never keeps a secret: shared keys and private ones are passed over too. Knows no issuer and no network.
"""

from typing import Any, Final

import msgspec

MOST_KEYS: Final = 100
_SHORTEST_RSA: Final = 2048
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """`algorithms` are those that this key can be meant for; never more than its own kind allows."""

    id: str
    algorithms: frozenset[str]
    public: Any


class _Document(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Told(msgspec.Struct, frozen=True):
    """What a key says of itself."""

    kty: str
    kid: str = ""
    use: str = "sig"
    alg: str = ""
    key_ops: list[str] | None = None
    d: Any = None  # of a private key


def read_keys(raw: bytes) -> tuple[Key, ...]:
    """Those that verify signatures. ValueError where there is none."""
    try:
        entries = msgspec.json.decode(raw, type=_Document).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is not a JWKS document") from None
    found = tuple(key for entry in entries[:MOST_KEYS] if (key := _key(entry)) is not None)
    if not found:
        raise ValueError("holds no public key that verifies signatures")
    return found


def _key(entry: dict[str, Any]) -> Key | None:
    try:
        told = msgspec.convert(entry, _Told)
    except msgspec.ValidationError:
        return None
    if told.use != "sig" or told.d is not None or (told.key_ops is not None and "verify" not in told.key_ops):
        return None
    public, possible = _public(told.kty, entry)
    algorithms = possible & {told.alg} if told.alg else possible
    return Key(id=told.kid, algorithms=algorithms, public=public) if algorithms else None


def _public(kty: str, entry: dict[str, Any]) -> tuple[Any, frozenset[str]]:
    """The key, and what can be signed with it; nothing for a kind or size that is not good enough."""
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
    from jwt.exceptions import PyJWTError

    none = None, frozenset[str]()
    key: Any
    try:
        if kty == "RSA":
            key = RSAAlgorithm.from_jwk(entry)
            return (key, _RSA) if key.key_size >= _SHORTEST_RSA else none
        if kty == "EC":
            key = ECAlgorithm.from_jwk(entry)
            algorithm = _CURVES.get(key.curve.name)
            return (key, frozenset({algorithm})) if algorithm else none
        if kty == "OKP":
            return OKPAlgorithm.from_jwk(entry), frozenset({"EdDSA"})
    except (PyJWTError, ValueError, TypeError, KeyError):
        return none
    return none
