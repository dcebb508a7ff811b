"""Who is calling: the text of a credential to a Principal, in one look-up whatever the number of keys.

Unknown, mistyped, expired and not yet valid credentials get the same answer. Nothing here reads a request's path or
body, and nothing here waits.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from gateway.auth.keys import hash_key, well_formed
from gateway.auth.tokens import Tokens, looks_like_token
from gateway.domain.errors import Unauthenticated
from gateway.domain.principal import Principal


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    hash: str  # hex SHA-256 of the key
    principal: Principal
    not_before: datetime | None = None
    expires: datetime | None = None

    def holds(self, now: datetime) -> bool:
        started = self.not_before is None or self.not_before <= now
        return started and (self.expires is None or now < self.expires)


class Gate:
    """All credentials of all tenants, bound once. `open_to` is who comes without one, where a tenant allows that;
    `tokens` is who knows the tokens of issuers, where there are any.
    """

    def __init__(
        self, credentials: Iterable[Credential], open_to: Principal | None = None, tokens: Tokens | None = None
    ) -> None:
        self._by_hash = {credential.hash: credential for credential in credentials}
        self._open_to = open_to
        self._tokens = tokens

    @property
    def open(self) -> bool:
        return self._open_to is not None

    def identify(self, presented: str | None, now: datetime, *, verify: bool = True) -> Principal:
        """`presented` is an Authorization header, or a bare credential; None where the request has neither.

        With `verify` off, only what costs a look-up is done: Unseen for a token that would have to be verified.
        """
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
        if found is not None and found.holds(now):
            return found.principal
        if self._tokens is not None and looks_like_token(key):
            return self._tokens.identify(key, now, verify=verify)
        raise Unauthenticated("this API key is not known here", headers={"WWW-Authenticate": "Bearer"})
