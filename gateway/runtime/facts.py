"""What a face found in a request, before any of it is believed. Faces make Facts; nothing else does."""

from collections.abc import Callable

import msgspec

from gateway.domain.record import Family


def no_header(_name: str) -> str | None:
    return None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`op` is the operation's name. `user`, `agent`, `run` are what the request names itself, "" where it does not."""

    op: str
    family: Family
    route: str = ""
    user: str = ""
    agent: str = ""
    run: str = ""
    header: Callable[[str], str | None] = no_header  # name in lower case
    idempotency_key: str = ""
    source: str = ""  # address of the caller, as the connection has it
    request_id: str = ""
