"""The key that signs receipts: found wrong before somebody's erasure waits for it. Never prints it."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.domain.errors import Invalid
from gateway.receipts.signing import read_private


def receipts(assembly: Assembly) -> Iterator[Diagnostic]:
    key = assembly.config.receipts.key
    if assembly.tenants or key is None:
        return
    try:
        read_private(key.reveal())
    except Invalid as error:
        hint = "make one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
        yield found("MG0513", assembly.gateway.mark("receipts", "key"), f"receipts.key: {error.detail}", hint)
