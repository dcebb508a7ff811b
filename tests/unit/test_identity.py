"""Who owns what: scope rules, templates, and the refusal to fall into a shared bucket."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.config.model import Identity, ScopeForm, ScopeTable
from gateway.config.scopes import scope_rule
from gateway.domain.errors import Forbidden, Invalid, Malformed
from gateway.domain.principal import Principal
from gateway.domain.record import Family
from gateway.domain.scope import Reach, Scope
from gateway.runtime.facts import Facts
from gateway.runtime.identity import Claimed, IdentityReader, Parts, claim


def claimed(form: ScopeForm, **parts: str) -> Claimed:
    return claim(scope_rule(form), Parts(**parts), "t", "s")


def test_a_user_route_owns_by_user_and_only_notes_the_rest() -> None:
    got = claimed("user", user="u", agent="a", run="r")
    assert got.scope == Scope("t", "s", user="u")
    assert got.reach == Reach.only(got.scope)
    assert got.parts.agent == "a"


@pytest.mark.parametrize(
    ("form", "missing"), [("user", "user_id"), ("agent", "agent_id"), ("run", "run_id"), (("user", "run"), "user_id")]
)
def test_a_missing_part_is_refused_by_its_name(form: Any, missing: str) -> None:
    with pytest.raises(Malformed) as refused:
        claimed(form)
    assert (refused.value.status, refused.value.code, refused.value.at) == (400, "missing_scope_part", missing)


def test_both_parts_of_a_list_must_match() -> None:
    got = claimed(("user", "run"), user="u", run="r")
    assert got.scope == Scope("t", "s", user="u", run="r")
    assert not got.reach.covers(Scope("t", "s", user="u", run="other"))
    assert not got.reach.covers(Scope("t", "s", user="u"))


def test_a_global_route_reaches_only_what_nobody_owns() -> None:
    got = claimed("global", user="u")
    assert got.scope == Scope("t", "s")
    assert not got.reach.covers(Scope("t", "s", user="u"))
    assert not got.reach.covers(Scope("t", "s", agent="a"))


def test_an_agent_route_never_reaches_what_a_user_owns_with_that_agent() -> None:
    assert not claimed("agent", agent="a", user="v").reach.covers(Scope("t", "s", user="u", agent="a"))


def test_an_allowed_part_narrows_when_given_and_is_any_when_not() -> None:
    form = ScopeTable(require=("user",), allow=("run",))
    wide, narrow = claimed(form, user="u"), claimed(form, user="u", run="r")
    mine, other = Scope("t", "s", user="u", run="r"), Scope("t", "s", user="u", run="q")
    assert wide.reach.covers(mine) and wide.reach.covers(other)
    assert narrow.reach.covers(mine) and not narrow.reach.covers(other)
    assert wide.scope == Scope("t", "s", user="u")


def test_the_user_is_never_any() -> None:
    form = ScopeTable(any_of=("user", "agent"))
    assert not claimed(form, agent="a").reach.covers(Scope("t", "s", user="u", agent="a"))
    with pytest.raises(Malformed):
        claimed(form)


def test_a_part_the_route_does_not_know_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        claimed(ScopeTable(require=("user",)), user="u", run="r")
    assert (refused.value.status, refused.value.code) == (422, "scope_not_allowed")


@pytest.mark.parametrize("part", ["a\0b", "\ud800", "x" * 513, "é" * 257])
def test_ids_that_some_backend_cannot_hold_are_refused(part: str) -> None:
    with pytest.raises(Invalid):
        claimed("user", user=part)


@pytest.mark.parametrize(
    "part", [" ", "*", "%", "_", "..", "a:b", "a|b", "x" * 512, "👩‍👩‍👧", "A", "a", "é", "e\u0301"]
)
def test_odd_ids_are_taken_as_they_are(part: str) -> None:
    assert claimed("user", user=part).scope.user == part


def read(
    identity: Identity,
    *,
    claims: Mapping[str, Any] | None = None,
    user: str = "",
    bound: str = "",
    headers: Mapping[str, str] | None = None,
) -> Parts:
    facts = Facts(op="add", family=Family.MEMORY, user=user, header=(headers or {}).get)
    return IdentityReader(identity).read(
        facts, Principal(id="k", tenant="t", roles=frozenset(), user=bound, claims=claims or {})
    )


def test_parts_come_from_headers_claims_and_dotted_paths() -> None:
    assert read(Identity(user="{header.x-user}"), headers={"x-user": "u"}).user == "u"
    assert read(Identity(user="{claim.user.id}"), claims={"user": {"id": "u"}}).user == "u"
    assert read(Identity(user="{claim.org}/{header.x-user}"), claims={"org": 7}, headers={"x-user": "u"}).user == "7/u"


def test_changing_the_path_changes_the_scope() -> None:
    claims = {"user": {"id": "u", "mail": "m"}}
    assert read(Identity(user="{claim.user.id}"), claims=claims) != read(
        Identity(user="{claim.user.mail}"), claims=claims
    )


def test_a_template_counts_only_when_all_of_it_is_there() -> None:
    assert read(Identity(user="{claim.org}-{header.x-user}"), headers={"x-user": "u"}).user == ""


def test_sources_are_tried_in_order() -> None:
    identity = Identity(user=("{header.x-user}", "{request.user}"))
    assert read(identity, user="body").user == "body"
    assert read(identity, user="body", headers={"x-user": "head"}).user == "head"


@pytest.mark.parametrize("claims", [{"u": True}, {"u": {"a": 1}}, {"u": ["x"]}, {"u": None}, {}])
def test_a_claim_that_is_no_text_is_no_user(claims: dict[str, Any]) -> None:
    assert read(Identity(user="{claim.u}"), claims=claims).user == ""


def test_a_bound_key_names_its_own_user_and_no_other() -> None:
    assert read(Identity(), bound="u").user == "u"
    assert read(Identity(), bound="u", user="u").user == "u"
    with pytest.raises(Forbidden):
        read(Identity(), bound="u", user="v")
