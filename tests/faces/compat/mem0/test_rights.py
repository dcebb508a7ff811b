"""Nobody gets further through mem0's language than through ours; each protection is also shown to be what protects."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.domain.principal import Principal
from gateway.domain.scope import PARTS, Part
from gateway.faces.compat.mem0 import entities, serving
from gateway.faces.compat.mem0.filters import Wanted
from gateway.faces.http.exchange import Exchange
from gateway.runtime.facts import Facts
from gateway.runtime.identity import IdentityReader, Parts
from tests.faces.compat.mem0.raw import Raw, inside, over
from tests.faces.compat.mem0.world import Side

pytestmark = pytest.mark.xdist_group("mem0-clients")  # they share a gateway

EVERYONE = {"OR": [{"user_id": "*"}, {"agent_id": "*"}, {"run_id": "*"}]}


def _taken(found: Wanted, *, bound: bool) -> Wanted:  # noqa: ARG001 - the caller names it
    return found


def _unbound(_reader: IdentityReader, facts: Facts, _principal: Principal) -> Parts:
    return Parts(facts.user, facts.agent, facts.run)


def _everything(_reader: IdentityReader, _principal: Principal) -> frozenset[Part]:
    return frozenset(PARTS)


def _not_compared(_exchange: Exchange, _facts: Facts) -> list[dict[str, str]]:
    return []


WIPES = [
    "", "?filters=", "?filters={}", "?filters=nonsense", f"?filters={quote(repr({'usr': 'ada'}))}",
    f"?filters={quote(repr({'NOT': [{'user_id': 'x'}]}))}", "?user=ada", "?user_id=", "?org_id=acme",
    f"?metadata={quote(repr({'a': 1}))}", "?user_id=ada&user_id=bob", "?filters=%7B%27user_id%27%3A+%27ada%27",
]  # fmt: skip


async def told(each: Raw) -> None:
    await each.add("of ada", user_id="ada")
    await each.add("of bob", user_id="bob", agent_id="bot")
    await each.add("of the bot", agent_id="bot")
    await each.add("elsewhere", key="other", user_id="ada", agent_id="bot")


async def test_a_deletion_that_names_nobody_or_is_not_understood_deletes_nothing(each: Raw) -> None:
    await told(each)
    for query in WIPES:
        status, said = await each.ask("DELETE", f"/v1/memories/{query}")
        assert (status, set(said) >= {"detail", "code"}) == (400, True), query
    assert await each.texts(EVERYONE) == {"of ada", "of bob", "of the bot"}


async def test_without_that_check_it_would_wipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entities, "scoped", _taken)
    async with inside(tmp_path) as (each, _):
        await told(each)
        assert (await each.ask("DELETE", "/v1/memories/"))[0] == 200
        assert await each.texts(EVERYONE) == set()


async def test_a_wildcard_deletes_what_it_says_and_only_in_its_tenant(each: Raw) -> None:
    await told(each)
    assert (await each.ask("DELETE", "/v1/memories/?user_id=*"))[1]["deleted"] == 2
    assert await each.texts(EVERYONE) == {"of the bot"}
    assert await each.texts(EVERYONE, key="other") == {"elsewhere"}


async def leaks_to_bound(each: Raw) -> set[str]:
    """What a key that is bound to ada gets to see, change or delete of others."""
    await told(each)
    bobs, bots = await each.add("bob again", user_id="bob"), await each.add("bot again", agent_id="bot")
    seen = await each.texts(EVERYONE, key="bound") | await each.texts({"agent_id": "bot"}, key="bound")
    found = await each.ask("POST", "/v3/memories/search/", {"query": "bob", "filters": {"user_id": "*"}}, key="bound")
    seen |= {item["memory"] for item in found[1]["results"]}
    for id_ in (bobs, bots):
        for method, path, body in (
            ("GET", "", None), ("PUT", "", {"text": "x"}), ("GET", "history/", None), ("DELETE", "", None)
        ):  # fmt: skip
            if (await each.ask(method, f"/v1/memories/{id_}/{path}", body, key="bound"))[0] != 404:
                seen.add(f"{method} {path}")
    listed = (await each.ask("GET", "/v1/entities/", key="bound"))[1]["results"]
    seen |= {item["name"] for item in listed}
    await each.ask("DELETE", "/v2/entities/agent/bot/", key="bound")
    await each.ask("POST", "/reset", key="bound")
    return (seen | ({"of bob", "bob again"} - await each.texts(EVERYONE))) - {"of ada", "ada"}


async def test_a_key_bound_to_a_user_reaches_nobody_else(each: Raw) -> None:
    assert await leaks_to_bound(each) == set()
    assert "of ada" not in await each.texts(EVERYONE)  # its own it did delete
    status, _ = await each.ask("DELETE", "/v2/entities/user/bob/", key="bound")
    assert status == 403


async def test_without_that_limit_it_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IdentityReader, "read", _unbound)
    monkeypatch.setattr(IdentityReader, "chosen", _everything)
    async with inside(tmp_path) as (each, _):
        assert len(await leaks_to_bound(each)) > 5


WRITES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/v3/memories/add/", {"messages": "x", "user_id": "ada"}),
    ("DELETE", "/v1/memories/?user_id=ada", None),
    ("DELETE", "/v2/entities/user/ada/", None),
    ("POST", "/reset", None),
    ("DELETE", "/memories?user_id=ada", None),
)


async def test_roles_hold(each: Raw) -> None:
    await told(each)
    for method, path, body in WRITES:
        status, said = await each.ask(method, path, body, key="reader")
        assert (status, said["code"]) == (403, "role_missing"), path
    assert await each.texts(EVERYONE, key="reader") == {"of ada", "of bob", "of the bot"}
    assert (await each.http.get("/v1/entities/")).status_code == 401


async def test_a_part_that_the_route_only_notes_is_compared(mem0_side: Side) -> None:
    async with over(mem0_side, "noted") as each:
        await each.add("by the bot", user_id="ada", agent_id="bot")
        await each.add("by hand", user_id="ada")
        assert await each.texts({"user_id": "ada", "agent_id": "bot"}) == {"by the bot"}
        await each.ask("DELETE", "/v2/entities/agent/bot/")
        assert await each.texts({"user_id": "ada"}) == {"by hand"}


async def test_without_that_comparison_it_would_delete_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_compared", _not_compared)
    async with inside(tmp_path, "noted") as (each, _):
        await each.add("by hand", user_id="ada")
        await each.ask("DELETE", "/v2/entities/agent/bot/")
        assert await each.texts({"user_id": "ada"}) == set()


async def test_a_route_that_requires_a_user_is_asked_about_one(mem0_side: Side) -> None:
    async with over(mem0_side, "user") as each:
        id_ = await each.add("of ada", user_id="ada")
        for filters in ({"user_id": "*"}, {"app_id": "shop"}, {"OR": [{"user_id": "ada"}, {"user_id": "bob"}]}):
            status, said = await each.ask("POST", "/v3/memories/", {"filters": filters})
            assert (status, said["detail"]) == (400, "this route needs user_id")
        assert (await each.ask("GET", f"/v1/memories/{id_}/"))[1]["memory"] == "of ada"
        assert [e["name"] for e in (await each.ask("GET", "/v1/entities/"))[1]["results"]] == ["ada"]


async def test_a_user_who_comes_from_elsewhere_than_the_request_cannot_be_named(mem0_side: Side) -> None:
    async with over(mem0_side, "header") as each:
        ada = {"X-User": "ada"}
        await each.ask("POST", "/v3/memories/add/", {"messages": "of ada", "user_id": "ada"}, headers=ada)
        await each.ask("POST", "/v3/memories/add/", {"messages": "of bob", "user_id": "bob"}, headers={"X-User": "bob"})
        own = await each.ask("POST", "/v3/memories/", {"filters": {"user_id": "*"}}, headers=ada)
        assert [item["memory"] for item in own[1]["results"]] == ["of ada"]
        for method, path in (("DELETE", "/v2/entities/user/bob/"), ("DELETE", "/v1/memories/?user_id=bob")):
            assert (await each.ask(method, path, headers=ada))[0] == 403
        assert (await each.ask("DELETE", "/v1/memories/?user_id=ada", headers=ada))[1]["deleted"] == 1


async def test_reset_of_the_open_server_stays_in_its_tenant(each: Raw) -> None:
    await told(each)
    assert (await each.ask("POST", "/reset"))[0] == 200
    assert await each.texts(EVERYONE) == set()
    assert await each.texts(EVERYONE, key="other") == {"elsewhere"}
