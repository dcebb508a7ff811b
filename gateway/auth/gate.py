"""Who is calling: the text of a credential to a Principal, in one look-up whatever the number of keys.

Unknown, mistyped and expired credentials get the same answer. Nothing here reads a request's path or body.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from gateway.auth.keys import hash_key, well_formed
from gateway.domain.errors import Unauthenticated
from gateway.domain.principal import Principal


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    hash: str  # hex SHA-256 of the key
    principal: Principal
    expires: datetime | None = None


class Gate:
    """All credentials of all tenants, bound once. `open_to` is who comes without one, where a tenant allows that."""

    def __init__(self, credentials: Iterable[Credential], open_to: Principal | None = None) -> None:
        self._by_hash = {credential.hash: credential for credential in credentials}
        self._open_to = open_to

    @property
    def open(self) -> bool:
        return self._open_to is not None

    def identify(self, presented: str | None, now: datetime) -> Principal:
        """`presented` is an Authorization header, or a bare key; None where the request has neither."""
        if presented is None:
            if self._open_to is None:
                raise Unauthenticated(
                    "send an API key as 'Authorization: Bearer mgk_…' or 'X-API-Key'",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            return self._open_to
        scheme, _, rest = presented.partition(" ")
        key = rest.strip() if rest and scheme.lower() in ("bearer", "token") else presented.strip()
        found = self._by_hash.get(hash_key(key)) if well_formed(key) else None
        if found is None or (found.expires is not None and found.expires <= now):
            raise Unauthenticated("this API key is not known here", headers={"WWW-Authenticate": "Bearer"})
        return found.principal
