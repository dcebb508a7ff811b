"""Ids on the way into the service's patterns and lengths and back: e-mails, anything."""

import re
from collections.abc import Mapping
from typing import Any, cast

import pytest
from botocore import session  # pyright: ignore[reportMissingTypeStubs] -- the driver has none
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.scope import Reach, Scope
from gateway.providers.agentcore.naming import Namespaces, actor_ids, named, session_ids, value_of
from gateway.testing import hostile

PARTS = ("tenant", "space", "user", "agent")

letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
short = st.text(letters, max_size=12)
ids = st.one_of(st.emails(), st.sampled_from(hostile.IDS), st.text(letters, max_size=512), short)
scopes = st.builds(Scope, short, short, ids, short, ids)


def rule(shape: str) -> Mapping[str, Any]:
    """What the service says of such ids."""
    model: Any = cast("Any", session).get_session().get_service_model("bedrock-agentcore")
    return model.shape_for(shape).metadata


ACTOR, SESSION, NAMESPACE = rule("ActorId"), rule("SessionId"), rule("Namespace")


def allowed(name: str, rules: Mapping[str, Any]) -> bool:
    return bool(re.fullmatch(rules["pattern"], name)) and rules["min"] <= len(name) <= rules["max"]


@given(ids)
def test_an_id_comes_back_as_it_was_unless_it_is_too_long(value: str) -> None:
    name = named(value, 100)
    assert allowed(name, SESSION)
    assert value_of(name) == (None if name.startswith("1_-") else value)
    assert not name.startswith("1_-") or len(value.encode()) * 3 > 90


@given(st.emails(domains=st.sampled_from(("example.com", "mail.example.org"))).filter(lambda each: len(each) < 30))
def test_an_e_mail_address_is_readable_and_reversible(address: str) -> None:
    assert value_of(named(address, 100)) == address


@given(ids, ids)
def test_different_ids_have_different_names(one: str, other: str) -> None:
    assert (named(one, 60) == named(other, 60)) is (one == other)


@given(scopes)
def test_every_scope_has_ids_that_the_service_takes(scope: Scope) -> None:
    reach = Reach.only(scope)
    assert allowed(actor_ids(PARTS).name(reach) or "", ACTOR)
    assert allowed(actor_ids((*PARTS, "run")).name(reach) or "", ACTOR)
    assert allowed(session_ids(("run",)).name(reach) or "", SESSION)
    assert allowed(session_ids(("agent", "run")).name(reach) or "", SESSION)
    whole = Namespaces("/tenants/{tenant}/{space}/users/{user}/{agent}/{run}/{kind}/").exact(reach, "memory") or ""
    assert allowed(whole, NAMESPACE)


@given(scopes, scopes)
def test_scopes_share_an_actor_only_where_their_parts_are_the_same(one: Scope, other: Scope) -> None:
    names = [actor_ids(PARTS).name(Reach.only(each)) for each in (one, other)]
    parts = [tuple(getattr(each, part) for part in PARTS) for each in (one, other)]
    assert (names[0] == names[1]) is (parts[0] == parts[1])


@given(scopes, scopes)
def test_a_wide_reach_leaves_out_only_what_it_does_not_cover(one: Scope, other: Scope) -> None:
    ids_of = actor_ids(PARTS)
    reach = Reach(one.tenant, None, one.user, None, None)
    assert ids_of.may_cover(reach, ids_of.name(Reach.only(one)) or "")
    if (other.tenant, other.user) != (one.tenant, one.user):
        assert not ids_of.may_cover(reach, ids_of.name(Reach.only(other)) or "")


@pytest.mark.parametrize("name", ["ann@example.com", "", "_ann", "-ann", "a b", "x" * 101, "\u00e9"])
def test_the_service_would_refuse_these_as_they_are(name: str) -> None:
    """The counter-test of the encoding, as far as the pattern goes."""
    assert not allowed(name, SESSION)
    assert allowed(named(name, 100), SESSION)
