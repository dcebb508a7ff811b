"""Who is calling. The only source of the tenant: no path, body or header can name another one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from gateway.domain.errors import Forbidden
from gateway.domain.record import Family


class Role(StrEnum):
    READER = "reader"  # read and search
    WRITER = "writer"  # add and change
    ERASER = "eraser"  # delete
    AUDITOR = "auditor"  # see what was done, never contents
    OPERATOR = "operator"  # reload, explain, metrics


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    id: str  # public name of the credential
    tenant: str
    roles: frozenset[Role]
    user: str = ""  # where bound, the only user this credential may name
    claims: Mapping[str, Any] = {}
    kinds: frozenset[Family] | None = None  # what it may touch; None for everything

    def require(self, role: Role) -> None:
        if role not in self.roles:
            raise Forbidden(f"this credential lacks the role {role.value!r}", code="role_missing")

    def touch(self, family: Family) -> None:
        if self.kinds is not None and family not in self.kinds:
            raise Forbidden(f"this credential may not touch {family.value} records", code="kind_not_allowed")
