"""The key that seals page cursors: long enough that nobody finds it by trying. Never prints it."""

from collections.abc import Iterator
from typing import Final

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic

_SHORTEST: Final = 16


def cursor_key(assembly: Assembly) -> Iterator[Diagnostic]:
    key = assembly.config.server.cursor_key
    if not assembly.tenants and key is not None and len(key.reveal()) < _SHORTEST:
        what = f"server.cursor_key has fewer than {_SHORTEST} characters"
        hint = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        yield found("MG0508", assembly.gateway.mark("server", "cursor_key"), what, hint)
