"""Who is meant, and which of what is kept of them. A credential that is bound to a user can only mean that one."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.domain.errors import Forbidden
from gateway.domain.record import Family, Kind, kinds_kept
from gateway.domain.scope import check_part
from gateway.services.call import Call, Everywhere


class OfPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request about one user as a whole: no agent, run or route narrows it."""

    user_id: str

    @property
    def agent_id(self) -> None:
        return None

    @property
    def run_id(self) -> None:
        return None

    @property
    def route(self) -> None:
        return None


Families = Annotated[
    list[Family], Meta(description="Only memories, messages or checkpoints; everything, where none is named.")
]


def named(whole: Everywhere, user: str) -> str:
    check_part(user, "user_id")
    if whole.principal.user and user != whole.principal.user:
        raise Forbidden("this credential may name its own user only", code="user_bound", at="user_id")
    return user


def kinds_of(whole: Everywhere, families: list[Family] | None) -> frozenset[Kind]:
    """Forbidden where the credential may not touch some of them: less than was asked for is never done silently."""
    for family in families or Family:
        whole.principal.touch(family)
    if not families:
        return frozenset(Kind)
    return kinds_kept(families)


def hooked(whole: Everywhere, user: str) -> list[Call]:
    """The request as the hooks of each route are told of it."""
    return [whole.on(route, user) for route in whole.tenant.routes.values() if route.hooks]
