"""What a client that cannot send our headers has in its base URL: `/t/<key>` and `/r/<route>`, before any path.

They become the headers they stand for, ahead of those that were sent, so nothing after this knows of them and no log
ever holds the key.
"""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from litestar.types import Scope

_MEANT: Final = {b"t": (b"authorization", b"Bearer "), b"r": (b"x-memory-route", b"")}


def without_prefixes(scope: "Scope", raw: bytes) -> bytes:
    """The path that is left; the scope is changed to it. Costs a path without any a comparison of three bytes."""
    headers: list[tuple[bytes, bytes]] = []
    while raw[:3] in (b"/t/", b"/r/"):
        value, slash, rest = raw[3:].partition(b"/")
        if not value:
            break
        name, before = _MEANT[raw[1:2]]
        headers.append((name, before + unquote_to_bytes(value)))
        raw = slash + rest or b"/"
    if headers:
        told: dict[str, Any] = scope  # type: ignore[assignment]  # ours to change: it is this request's own
        told["headers"] = [*headers, *scope["headers"]]
        told["raw_path"], told["path"] = raw, unquote_to_bytes(raw).decode("utf-8", "replace")
    return raw
