"""Who is calling. The only source of the tenant: no path, body or header can name another one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from gateway.domain.errors import Forbidden


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

    def require(self, role: Role) -> None:
        if role not in self.roles:
            raise Forbidden(f"this credential lacks the role {role.value!r}", code="role_missing")
