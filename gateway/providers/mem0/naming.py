"""Scopes as mem0's ids and back, and the filters that find a reach.

mem0 refuses white space in ids, trims them and reads `*` as a wildcard, so every value is percent-encoded and no two
scopes share an id. A memory belongs to one mem0 user, who stands for its whole scope and kind: mem0's own search and
extraction, which look at the user, therefore stay within the scope. Knows nothing of what a memory holds.
"""

import uuid
from typing import Any, Final
from urllib.parse import quote, unquote

from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope, fingerprint

MARK: Final = "gateway"  # the metadata key of the document; keys that begin with it and _ are for mem0's filters
_LONGEST: Final = 200
_NO_VALUE: Final = "="  # percent-encoding never gives it
_KINDS: Final = frozenset(kind.value for kind in Kind)
_FIELDS: Final = ("space", "user", "agent", "run")


def owner_of(scope: Scope, kind: Kind) -> str:
    """The `user_id`: readable where it is short, else a digest. Memories have the scope's plain name."""
    parts = (scope.tenant, scope.space, scope.user, scope.agent, scope.run)
    name = ":".join(quote(part, safe="") for part in parts)
    if len(name) > _LONGEST:
        name = f"sha256={scope.key().hex()}"
    return name if kind is Kind.MEMORY else f"{name}:{kind.value}"


def owned_by(name: str) -> tuple[Scope, Kind] | None:
    """The scope and kind that a `user_id` stands for; None where it is a digest, or none of ours."""
    parts = [unquote(part) for part in name.split(":")]
    if len(parts) not in (5, 6) or (len(parts) == 6 and parts[5] not in _KINDS):
        return None
    scope, kind = Scope(*parts[:5]), Kind(parts[5]) if len(parts) == 6 else Kind.MEMORY
    return (scope, kind) if scope.tenant and owner_of(scope, kind) == name else None


def group_of(tenant: str, kind: Kind) -> str:
    """The `run_id` that all of a tenant's records of a kind share, by which mem0's library lists them."""
    return f"{spelt(tenant)}:{kind.value}"


def spelt(value: str) -> str:
    """A value that mem0's filters compare whole."""
    name = quote(value, safe="") or _NO_VALUE
    return name if len(name) <= _LONGEST else f"sha256={fingerprint(value).hex()}"


def marks(scope: Scope, kind: Kind) -> dict[str, Any]:
    """Flat metadata of a record, for filters."""
    return {
        f"{MARK}_tenant": group_of(scope.tenant, kind),
        **{f"{MARK}_{name}": spelt(getattr(scope, name)) for name in _FIELDS},
    }


def narrowing(reach: Reach) -> dict[str, str]:
    """What a wide reach says about the marks beside the tenant."""
    exact = {name: getattr(reach, name) for name in _FIELDS}
    return {f"{MARK}_{name}": spelt(value) for name, value in exact.items() if value is not None}


def made_by_mem0(id_: str) -> bool:
    """Whether mem0 may have made this id: it makes random ones, the gateway never does."""
    try:
        return uuid.UUID(id_).version == 4 and str(uuid.UUID(id_)) == id_
    except ValueError:
        return False
