"""Credentials: made, checked, found in one look-up, and never more than they say."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from gateway.auth.gate import Credential, Gate
from gateway.auth.keys import hash_key, new_key, well_formed
from gateway.domain.errors import Forbidden, Unauthenticated
from gateway.domain.principal import Principal, Role

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def principal(**more: object) -> Principal:
    given: dict[str, object] = {"id": "k", "tenant": "acme", "roles": frozenset({Role.READER})} | more
    return Principal(**given)  # type: ignore[arg-type]  # a test's shorthand


def test_a_new_key_has_the_shape_that_scanners_look_for_and_its_hash_lets_it_in() -> None:
    key = new_key(os.urandom)
    prefix, id_, secret, check = key.text.split("_")
    assert (prefix, id_, len(secret), len(check)) == ("mgk", key.id, 43, 6)
    gate = Gate([Credential(hash=key.hash.removeprefix("sha256:"), principal=principal())])
    for presented in (key.text, f"Bearer {key.text}", f"bearer {key.text}", f"Token {key.text}"):
        assert gate.identify(presented, NOW).tenant == "acme"


def test_keys_differ() -> None:
    assert len({new_key(os.urandom).text for _ in range(200)}) == 200


@pytest.mark.parametrize("position", range(0, 66, 3))
def test_a_mistyped_key_is_refused_without_a_look_up(position: int) -> None:
    text = new_key(os.urandom).text
    wrong = text[:position] + ("x" if text[position] != "x" else "y") + text[position + 1 :]
    assert not well_formed(wrong)


@pytest.mark.parametrize(
    "presented", ["", " ", "Bearer", "Bearer ", "Basic abc", "mgk_", "mgk_a_b_c", "\0", "mgk_é_é_é", "x" * 9000]
)
def test_what_is_no_key_is_refused(presented: str) -> None:
    with pytest.raises(Unauthenticated):
        Gate([], None).identify(presented, NOW)


def test_an_unknown_key_and_an_expired_one_get_the_same_answer() -> None:
    known, unknown = new_key(os.urandom), new_key(os.urandom)
    gate = Gate([Credential(hash=hash_key(known.text), principal=principal(), expires=NOW + timedelta(seconds=1))])
    assert gate.identify(known.text, NOW).id == "k"
    answers: list[str] = []
    for presented, at in ((known.text, NOW + timedelta(seconds=1)), (unknown.text, NOW)):
        with pytest.raises(Unauthenticated) as refused:
            gate.identify(presented, at)
        answers.append(f"{refused.value.code}{refused.value.detail}{refused.value.headers}")
    assert answers[0] == answers[1]


def test_without_a_credential_only_an_open_gate_lets_in() -> None:
    with pytest.raises(Unauthenticated):
        Gate([]).identify(None, NOW)
    assert Gate([], principal(id="open")).identify(None, NOW).id == "open"


def test_an_open_gate_still_refuses_a_wrong_key() -> None:
    with pytest.raises(Unauthenticated):
        Gate([], principal()).identify(new_key(os.urandom).text, NOW)


def test_a_role_that_is_not_there_is_missing() -> None:
    principal().require(Role.READER)
    with pytest.raises(Forbidden):
        principal().require(Role.ERASER)
