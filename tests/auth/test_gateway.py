"""Tokens and keys at a whole gateway: let in, kept out, and neither slowed nor stopped by an issuer that is away."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.auth import keyset, keysets
from gateway.auth.keys import new_key
from gateway.faces.http.doorman import Doorman
from tests.auth.issuer import AUD, ISS, Shelf, claims, jwk, jwks, private, shelf, token
from tests.gateways import Gateway, free_port, gateway

KEY: Final = new_key(lambda count: bytes(range(count)))
ONE: Final = jwk(private("Ed25519"), "one")
TWO: Final = jwk(private("Ed25519", 1), "two")


def text(jwks_at: str, *, more: str = "", server: str = "", key: str = "") -> str:
    return f"""
version: 1
server: {{{server}}}
issuers:
  corp:
    {{issuer: "{ISS}", audience: {AUD}, jwks: "{jwks_at}", claims: {{tenant: org}}, refresh: 1s{more}}}
providers:
  main: {{type: memory}}
tenants:
  acme:
    auth: {{api_keys: [{{hash: "{KEY.hash}"{key}}}]}}
    routes:
      everything: {{default: true, chain: main}}
      team: {{chain: main, scope: agent, identity: {{agent: "{{claim.team}}"}}}}
  closed:
    auth: {{issuers: []}}
    routes: {{everything: {{default: true, chain: main}}}}
"""


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def add(made: Gateway, credential: str, path: str = "/v1/memories", **body: Any) -> httpx.Response:
    return await made.post(path, {"content": "tea", **body}, headers=bearer(credential))


async def listed(made: Gateway, credential: str, query: str = "") -> tuple[int, str]:
    got = await made.get(f"/v1/memories{query}", headers=bearer(credential))
    return got.status_code, got.json().get("code", "")


async def until(made: Gateway, credential: str, status: int, seconds: float = 8) -> float:
    began = time.monotonic()
    while (await listed(made, credential))[0] != status:
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def asked_again(server: Shelf, times: int) -> None:
    before = server.calls
    for _ in range(200):
        if server.calls >= before + times:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody asks for keys any more")


async def test_a_token_reaches_what_is_its_users_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(ONE))
    async with gateway(tmp_path, text("keys.json")) as made:
        ann, ben = token(claims(sub="ann")), token(claims(sub="ben"))
        assert (await add(made, ann)).status_code == 201
        assert (await add(made, ann, user_id="ben")).json()["code"] == "user_bound"
        mine = await made.get("/v1/memories", headers=bearer(ann))
        assert len(mine.json()["memories"]) == 1
        assert (await made.get("/v1/memories", headers=bearer(ben))).json()["memories"] == []
        assert (await made.get("/v1/memories", headers={"X-API-Key": ann})).status_code == 200
        assert (await made.get(f"/t/{ann}/v1/memories")).status_code == 200
        assert await listed(made, token(claims(org="nobody"))) == (403, "unknown_tenant")
        assert await listed(made, token(claims(org="closed"))) == (403, "unknown_tenant")
        assert await listed(made, token(claims(aud="another"))) == (401, "token_refused")
        assert (
            (await made.get("/v1/memories", headers=bearer(ann + "x"))).headers["www-authenticate"].startswith("Bearer")
        )
    logged = b"".join(made.lines)
    assert b"corp." in logged and b'"ann"' not in logged and ann.encode() not in logged


async def test_a_claim_says_whose_it_is_where_the_route_says_so(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(ONE))
    async with gateway(tmp_path, text("keys.json")) as made:
        red, blue = token(claims(team="red")), token(claims(team="blue"))
        assert (await add(made, red, route="team")).status_code == 201
        counts = [
            len((await made.get("/v1/memories?route=team", headers=bearer(each))).json()["memories"])
            for each in (red, blue)
        ]
        assert counts == [1, 0]
        assert (await add(made, token(claims()), route="team")).json()["code"] == "missing_scope_part"


async def test_an_issuer_that_is_away_at_the_start_stops_nobody_else_and_is_found_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    async with gateway(tmp_path, text(f"http://127.0.0.1:{port}/jwks")) as made:
        good = token()
        assert await listed(made, good) == (503, "issuer_keys")
        assert (await listed(made, KEY.text, "?user_id=u"))[0] == 200
        async with shelf(jwks(ONE), port):
            took = await until(made, good, 200)
        assert took < 8
        assert (await listed(made, good))[0] == 200  # away again, and not needed


async def test_an_issuer_that_hangs_makes_only_its_tokens_wait_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.auth.tokens.PATIENCE", 0.3)
    async with shelf(jwks(ONE)) as server:
        server.delay = 30
        async with gateway(tmp_path, text(server.url)) as made:
            began = time.monotonic()
            waiting = asyncio.create_task(listed(made, token()))
            await asyncio.sleep(0.02)
            assert (await listed(made, KEY.text, "?user_id=u"))[0] == 200
            assert not waiting.done()
            assert await waiting == (503, "issuer_keys")
            assert time.monotonic() - began < 3


async def test_a_key_that_is_new_is_looked_for_at_once_and_one_that_is_gone_no_longer_counts(tmp_path: Path) -> None:
    async with shelf(jwks(ONE)) as server, gateway(tmp_path, text(server.url)) as made:
        old, new = token(), token(key=private("Ed25519", 1), headers={"kid": "two"})
        await until(made, old, 200)
        assert await listed(made, new) == (401, "token_refused")
        server.raw = jwks(TWO)
        assert await until(made, new, 200) < 3
        assert await listed(made, old) == (401, "token_refused")


async def test_tokens_with_made_up_keys_do_not_make_the_gateway_hammer_the_issuer(tmp_path: Path) -> None:
    async with (
        shelf(jwks(ONE)) as server,
        gateway(tmp_path, text(server.url).replace("refresh: 1s", "refresh: 1h")) as made,
    ):
        await until(made, token(), 200)
        before = server.calls
        for n in range(40):
            assert (await listed(made, token(headers={"kid": f"made-up-{n}"})))[0] == 401
        assert server.calls - before <= 1


@pytest.mark.parametrize(
    "raw", [b"x" * (keysets.MOST_BYTES + 1), b"<html>", b'{"keys": []}'], ids=["large", "page", "none"]
)
async def test_what_is_no_set_of_keys_takes_the_place_of_none(raw: bytes, tmp_path: Path) -> None:
    async with shelf(jwks(ONE)) as server, gateway(tmp_path, text(server.url)) as made:
        await until(made, token(), 200)
        server.raw = raw
        await asked_again(server, 2)
        assert (await listed(made, token(claims(jti="new"))))[0] == 200


async def test_keys_that_are_too_old_are_not_used(tmp_path: Path) -> None:
    async with shelf(jwks(ONE)) as server, gateway(tmp_path, text(server.url, more=", max_stale: 1500ms")) as made:
        await until(made, token(), 200)
        server.status = 500
        await asked_again(server, 1)
        await asyncio.sleep(1.6)
        assert await listed(made, token(claims(jti="new"))) == (503, "issuer_keys")


async def test_generations_share_the_keys_of_an_issuer_and_let_go_of_them(tmp_path: Path) -> None:
    async with shelf(jwks(ONE)) as server, gateway(tmp_path, text(server.url)) as made:
        await until(made, token(), 200)
        sets = made.helm.running.means.key_sets
        held = next(iter(sets._open.values()))[0]  # pyright: ignore[reportPrivateUsage]
        (tmp_path / "gateway.yaml").write_text(text(server.url, key=", id: renamed"))
        await made.post("/admin/reload")
        assert next(iter(sets._open.values()))[0] is held  # pyright: ignore[reportPrivateUsage]
        without = text(server.url).replace("issuers:\n  corp:\n", "x-issuers:\n  corp:\n")
        (tmp_path / "gateway.yaml").write_text(without)
        await made.post("/admin/reload")
        assert (await listed(made, token()))[0] == 401
        for _ in range(100):
            if not sets._open:  # pyright: ignore[reportPrivateUsage]
                break
            await asyncio.sleep(0.05)
        assert not sets._open  # pyright: ignore[reportPrivateUsage]


async def test_keys_hold_between_their_times(tmp_path: Path) -> None:
    key = ', not_before: "2030-01-01T00:00:00Z", expires: "2031-01-01T00:00:00Z"'
    (tmp_path / "keys.json").write_bytes(jwks(ONE))
    async with gateway(tmp_path, text("keys.json", key=key)) as made:
        for at, status in (
            (datetime(2029, 12, 31, tzinfo=UTC), 401),
            (datetime(2030, 6, 1, tzinfo=UTC), 200),
            (datetime(2031, 1, 1, tzinfo=UTC), 401),
        ):
            made.clock.ahead = at - datetime.now(UTC)
            assert (await listed(made, KEY.text, "?user_id=u"))[0] == status


async def _guess(made: Gateway, times: int, **more: Any) -> list[int]:
    return [
        (
            await made.get("/v1/memories", headers=bearer(new_key(lambda c, n=n: bytes([n % 251] * c)).text), **more)
        ).status_code
        for n in range(times)
    ]


async def test_whoever_guesses_is_slowed_down_and_nobody_is_locked_out(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(ONE))
    async with gateway(tmp_path, text("keys.json", server="failed_auth: 5")) as made:
        seen = token(claims(jti="seen"))
        assert (await listed(made, seen))[0] == 200
        assert await _guess(made, 8) == [401] * 5 + [429] * 3
        told = await made.get("/v1/memories", headers=bearer("x.y.z"))
        assert (told.status_code, told.json()["code"]) == (429, "auth_failures")
        assert 1 <= int(told.headers["retry-after"]) <= 60
        # The same address: what is known is let in, what would have to be verified is not.
        assert (await listed(made, KEY.text, "?user_id=u"))[0] == 200
        assert (await listed(made, seen))[0] == 200
        assert (await listed(made, token(claims(jti="new"))))[0] == 429
        assert (await made.get("/v1/memories")).status_code == 401  # nothing was presented
        transport = httpx.ASGITransport(app=made.app, client=("203.0.113.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as elsewhere:
            assert (await elsewhere.get("/v1/memories", headers=bearer(token(claims(jti="other"))))).status_code == 200


async def test_without_the_doorman_guessing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: Doorman, snapshot: Any, presented: str | None, _address: str) -> Any:
        return snapshot.gate.identify(presented, self._means.clock())  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(Doorman, "identify", careless)
    (tmp_path / "keys.json").write_bytes(jwks(ONE))
    async with gateway(tmp_path, text("keys.json", server="failed_auth: 5")) as made:
        assert await _guess(made, 8) == [401] * 8


async def test_the_time_between_two_looks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bound taken away, every made-up key is a call."""
    monkeypatch.setattr(keyset, "LONGEST_FLOOR", 0.0)
    calls = 0

    async def load() -> bytes:
        nonlocal calls
        calls += 1
        return jwks(ONE)

    made = keyset.KeySet(keyset.Source(place="test", refresh=3600, max_stale=3600), load)
    await made.start()
    for _ in range(5):
        looking = made.look()
        assert looking is not None
        await asyncio.wait([looking])
    assert calls == 6
    await made.stop()
