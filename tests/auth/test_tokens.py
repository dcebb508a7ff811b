"""A signed token lets in whom its issuer says, and nothing that only looks like one does."""

import asyncio
import base64
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from gateway.auth import tokens as module
from gateway.auth.jwk import read_keys
from gateway.auth.keyset import KeySet, Source
from gateway.auth.tokens import Tokens, Trust, Unseen
from gateway.domain.errors import Forbidden, Unauthenticated
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from tests.auth.issuer import AUD, ISS, claims, jwk, jwks, private, token

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = ("RS256", "ES256", "EdDSA", "PS256", "ES384")


def good(**more: Any) -> dict[str, Any]:
    return claims(NOW, **more)


class Known:
    """An issuer whose keys are there; `raw` can be changed for the next look."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.keys = KeySet(Source(place="test", refresh=3600, max_stale=3600), self.load)

    async def load(self) -> bytes:
        return self.raw


async def trusting(
    stack: AsyncExitStack, raw: bytes | None = None, tenants: dict[str, Any] | None = None, **more: Any
) -> Tokens:
    known = Known(jwks(jwk(private("Ed25519"), "one")) if raw is None else raw)
    await known.keys.start()
    stack.push_async_callback(known.keys.stop)
    given: dict[str, Any] = {
        "name": "corp", "issuer": ISS, "audiences": frozenset({AUD}), "algorithms": frozenset(ALL), "keys": known.keys,
        "tenant_claim": "org", "default_roles": frozenset({Role.READER}),
    }  # fmt: skip
    return Tokens([Trust(**{**given, **more})], {"acme": None} if tenants is None else tenants)


async def identified(text: str, raw: bytes | None = None, **more: Any) -> Principal:
    async with AsyncExitStack() as stack:
        return (await trusting(stack, raw, **more)).identify(text, NOW)


async def refused(text: str, raw: bytes | None = None, **more: Any) -> str:
    with pytest.raises(Unauthenticated) as told:
        await identified(text, raw, **more)
    assert told.value.code == "token_refused"
    assert text not in told.value.detail
    return told.value.detail


async def test_a_good_token_is_its_tenants_and_its_users() -> None:
    known = await identified(token(good()))
    assert (known.tenant, known.user, known.roles, known.kinds) == ("acme", "ann", {Role.READER}, None)
    assert known.claims["org"] == "acme"
    assert "ann" not in known.id and known.id.startswith("corp.")


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("RSA", "RS256"), ("RSA", "PS256"), ("EC", "ES256"), ("EC384", "ES384"), ("Ed25519", "EdDSA")],
)
async def test_every_kind_of_signature_that_is_allowed_is_accepted(kind: str, algorithm: str) -> None:
    key = private(kind)
    assert (await identified(token(good(), key, algorithm=algorithm), jwks(jwk(key, "one")))).tenant == "acme"


async def test_what_is_not_on_the_list_of_algorithms_is_refused_however_good_its_signature() -> None:
    key = private("RSA")
    text = token(good(), key, algorithm="RS256")
    assert "not signed in a way" in await refused(text, jwks(jwk(key, "one")), algorithms=frozenset({"EdDSA"}))


async def test_an_unsigned_token_is_refused() -> None:
    text = jwt.encode(good(), "", algorithm="none", headers={"kid": "one"})
    assert "not signed in a way" in await refused(text)
    head, body, _ = token(good()).split(".")
    assert "not signed by its issuer" in await refused(f"{head}.{body}.")


@pytest.mark.parametrize(
    "form", [(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]
)
async def test_a_public_key_never_serves_as_a_shared_secret(form: tuple[Encoding, PublicFormat]) -> None:
    import hashlib
    import hmac

    public = private("RSA").public_key().public_bytes(*form)
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "kid": "one"}, good())]
    signed = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts)
    mac = base64.urlsafe_b64encode(hmac.new(public, signed, hashlib.sha256).digest()).rstrip(b"=")
    text = (signed + b"." + mac).decode()
    assert "not signed in a way" in await refused(text, jwks(jwk(private("RSA"), "one")))
    # Even an allow-list that named it would find no key for it.
    assert "does not show" in await refused(text, jwks(jwk(private("RSA"), "one")), algorithms=frozenset({"HS256"}))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"exp": None}, "never ends"),
        ({"exp": NOW.timestamp() - 61}, "expired"),
        ({"exp": "soon"}, "a time that is none"),
        ({"exp": True}, "a time that is none"),
        ({"exp": 1e300}, "a time that is none"),
        ({"nbf": NOW.timestamp() + 61}, "not valid yet"),
        ({"iat": NOW.timestamp() + 61}, "not valid yet"),
        ({"aud": None}, "somebody else"),
        ({"aud": "another"}, "somebody else"),
        ({"aud": ["another", "third"]}, "somebody else"),
        ({"aud": {AUD: 1}}, "somebody else"),
        ({"iss": None}, "issuer that is not known"),
        ({"iss": ISS.rstrip("/")}, "issuer that is not known"),
        ({"iss": [ISS]}, "issuer that is not known"),
    ],
)
async def test_a_token_for_another_time_place_or_issuer_is_refused(more: dict[str, Any], why: str) -> None:
    # Not PyJWT's own encoder: it would refuse to write some of these.
    body = base64.urlsafe_b64encode(json.dumps(good(**more)).encode()).rstrip(b"=")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": "one"}).encode()).rstrip(b"=")
    mac = base64.urlsafe_b64encode(private("Ed25519").sign(head + b"." + body)).rstrip(b"=")
    assert why in await refused(b".".join((head, body, mac)).decode())


async def test_clocks_may_be_a_minute_apart() -> None:
    at = NOW.timestamp()
    for more in ({"exp": at - 59}, {"nbf": at + 59}, {"iat": at + 59}):
        assert (await identified(token(good(**more)))).tenant == "acme"
        with pytest.raises(Unauthenticated):
            await identified(token(good(**more)), leeway=0.0)


async def test_of_several_audiences_one_is_enough() -> None:
    assert (await identified(token(good(aud=["another", AUD])))).tenant == "acme"


async def test_every_changed_character_of_a_token_is_noticed() -> None:
    text = token(good())
    async with AsyncExitStack() as stack:
        known = await trusting(stack)
        known.identify(text, NOW)
        for place in range(len(text)):
            other = "A" if text[place] != "A" else "B"
            changed = text[:place] + other + text[place + 1 :]
            if place == len(text) - 1 and _raw(changed) == _raw(text):
                continue  # the last character's lowest bits belong to nothing
            with pytest.raises(Unauthenticated):
                known.identify(changed, NOW)


def _raw(text: str) -> bytes:
    last = text.rsplit(".", 1)[1]
    return base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))


@pytest.mark.parametrize(
    "text",
    ["..", "a.b.c", "a.b", "eyJ.eyJ.x", "\0.\0.\0", "é.é.é", "bnVsbA.bnVsbA.x", "W10.W10.x", "x" * 20_000 + ".."],
)
async def test_what_is_no_token_is_refused(text: str) -> None:
    await refused(text)


async def test_a_header_that_asks_for_more_than_is_understood_is_refused() -> None:
    assert "not understood" in await refused(token(good(), headers={"kid": "one", "crit": ["b64"], "b64": True}))


async def test_keys_that_a_token_brings_along_count_for_nothing() -> None:
    mine = private("Ed25519", 1)
    headers = {"kid": "one", "jwk": jwk(mine, "one"), "jku": "https://elsewhere.test/jwks"}
    assert "not signed by its issuer" in await refused(token(good(), mine, headers=headers))


async def test_a_token_without_a_key_id_needs_a_set_with_one_key_for_it() -> None:
    text = token(good(), headers={})
    one, other = jwk(private("Ed25519"), "one"), jwk(private("Ed25519", 1), "two")
    assert (await identified(text, jwks(one, jwk(private("RSA"), "three")))).tenant == "acme"
    assert "does not show" in await refused(text, jwks(one, other))


async def test_only_public_keys_that_are_good_enough_are_taken() -> None:
    rsa, weak = private("RSA"), private("RSA1024")
    secret = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"}
    whole = json.loads(RSAAlgorithm.to_jwk(rsa)) | {"kid": "private"}
    keys = read_keys(
        jwks(
            jwk(rsa, "good"), jwk(weak, "weak"), secret, whole, jwk(rsa, "enc", use="enc"), {"kty": "RSA"}, {},
            jwk(rsa, "ops", key_ops=["encrypt"]), jwk(rsa, "other", alg="ES256"), jwk(rsa, "pinned", alg="RS512"),
        )
    )  # fmt: skip
    assert {key.id: sorted(key.algorithms)[:1] for key in keys} == {"good": ["PS256"], "pinned": ["RS512"]}


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b"<html>", b'{"keys": [{"kty": "oct"}]}', b"\xff"]
)
def test_what_is_no_set_of_keys_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"JWKS|public key"):
        read_keys(raw)


async def test_a_tenant_that_is_not_known_and_one_that_believes_others_get_the_same_answer() -> None:
    answers: set[str] = set()
    for org, tenants in (
        ("nobody", {"acme": None}),
        ("acme", {"acme": frozenset[str]()}),
        (None, {"acme": None}),
        (7, {"acme": None}),
    ):
        with pytest.raises(Forbidden) as told:
            await identified(token(good(org=org)), tenants=tenants)
        answers.add(f"{told.value.status}{told.value.code}{told.value.detail}")
    assert len(answers) == 1 and answers.pop().startswith("403unknown_tenant")


async def test_the_tenant_comes_from_the_token_and_nothing_else() -> None:
    tenants = {"acme": None, "other": frozenset({"corp"}), "o-1": None}
    assert (await identified(token(good(org="other")), tenants=tenants)).tenant == "other"
    mapped: dict[str, Any] = {"tenant_words": {"o-1": "acme"}, "tenant_claim": "org"}
    assert (await identified(token(good(org="o-1")), tenants=tenants, **mapped)).tenant == "acme"
    with pytest.raises(Forbidden):
        await identified(token(good(org="acme")), tenants=tenants, **mapped)
    assert (await identified(token(good(org="other")), tenants=tenants, tenant="acme")).tenant == "acme"


async def test_claims_are_found_by_path_and_by_names_that_hold_dots() -> None:
    told = good(org=None, **{"https://acme.test/org": "acme", "act": {"who": 42}})
    known = await identified(token(told), tenant_claim="https://acme.test/org", user_claim="act.who")
    assert (known.tenant, known.user) == ("acme", "42")


async def test_a_token_that_names_no_user_is_refused_unless_it_need_not() -> None:
    with pytest.raises(Forbidden) as told:
        await identified(token(good(sub=None)))
    assert told.value.code == "token_without_user"
    free = await identified(token(good(sub=None)), bind_user=False)
    assert free.user == ""
    assert (await identified(token(good()), bind_user=False)).user == ""


@pytest.mark.parametrize(
    ("scope", "words", "roles"),
    [
        ("reader writer", {}, {Role.READER, Role.WRITER}),
        (["reader", 7, "eraser", "king"], {}, {Role.READER, Role.ERASER}),
        ("READER", {}, set[Role]()),
        (None, {}, set[Role]()),
        ({"reader": 1}, {}, set[Role]()),
        ("mem:all reader", {"mem:all": frozenset({Role.WRITER})}, {Role.WRITER}),
    ],
)
async def test_roles_are_what_the_claim_says_and_no_more(scope: Any, words: Any, roles: set[Role]) -> None:
    known = await identified(token(good(scope=scope)), roles_claim="scope", role_words=words)
    assert known.roles == roles


async def test_kinds_of_an_issuer_hold_for_its_tokens() -> None:
    known = await identified(token(good()), kinds=frozenset({Family.MESSAGE}))
    with pytest.raises(Forbidden):
        known.touch(Family.MEMORY)
    known.touch(Family.MESSAGE)


async def test_a_good_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0
    real = module._signed  # pyright: ignore[reportPrivateUsage]

    def counted(*asked: Any) -> bool:
        nonlocal times
        times += 1
        return real(*asked)

    monkeypatch.setattr(module, "_signed", counted)
    async with AsyncExitStack() as stack:
        known = await trusting(stack)
        text = token(good())
        with pytest.raises(Unseen):
            known.identify(text, NOW, verify=False)
        first = known.identify(text, NOW)
        assert all(known.identify(text, NOW, verify=False) is first for _ in range(5))
        assert times == 1
        with pytest.raises(Unauthenticated):
            known.identify(text, NOW + timedelta(seconds=660))


async def test_remembered_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    async with AsyncExitStack() as stack:
        known = await trusting(stack)
        texts = [token(good(jti=str(n))) for n in range(5)]
        for text in texts:
            known.identify(text, NOW)
        kept = 0
        for text in texts:
            try:
                known.identify(text, NOW, verify=False)
            except Unseen:
                continue
            kept += 1
        assert kept == 3


async def test_a_remembered_token_goes_with_the_key_it_was_signed_with() -> None:
    known = Known(jwks(jwk(private("Ed25519"), "one")))
    await known.keys.start()
    trust = Trust(
        name="corp", issuer=ISS, audiences=frozenset({AUD}), algorithms=frozenset(ALL), keys=known.keys, tenant="acme"
    )
    tokens, text = Tokens([trust], {"acme": None}), token(good())
    assert tokens.identify(text, NOW).tenant == "acme"
    known.raw = jwks(jwk(private("Ed25519", 1), "two"))
    known.keys._looked_at = float("-inf")  # pyright: ignore[reportPrivateUsage]  # as after a while
    looking = known.keys.look()
    assert looking is not None
    await asyncio.wait([looking])
    with pytest.raises(Unauthenticated):
        tokens.identify(text, NOW)
    await known.keys.stop()


async def test_users_of_one_issuer_have_ids_of_their_own() -> None:
    ids = {(await identified(token(good(sub=sub)))).id for sub in ("ann", "ben", "ann")}
    assert len(ids) == 2
