"""The table of mem0's open server."""

from typing import Final

from gateway.domain.errors import GatewayError
from gateway.faces.compat.mem0.account import refusing
from gateway.faces.compat.mem0.failing import told
from gateway.faces.compat.mem0_open import memories
from gateway.faces.http.exchange import Phrase, Reply

_CONFIGURED: Final = "this gateway is configured by its operator's files, and reloads them by itself"
_ONE: Final = "/memories/{memory_id}"


def failed(error: GatewayError, request_id: str) -> Reply:
    return told(error.status, error.detail, error.code, request_id)


_SERVED: Final = (
    ("add", "POST", "/memories", memories.added),
    ("get_all", "GET", "/memories", memories.listed),
    ("delete_all", "DELETE", "/memories", memories.deleted_all),
    ("get", "GET", _ONE, memories.seen),
    ("update", "PUT", _ONE, memories.changed),
    ("delete", "DELETE", _ONE, memories.deleted),
    ("history", "GET", f"{_ONE}/history", memories.history),
    ("search", "POST", "/search", memories.searched),
    ("reset", "POST", "/reset", memories.reset),
    ("entities", "GET", "/entities", memories.owners),
    ("delete_entity", "DELETE", "/entities/{kind}/{name}", memories.owner_deleted),
    ("configure", "GET", "/configure", refusing(_CONFIGURED)),
    ("configure", "POST", "/configure", refusing(_CONFIGURED)),
    ("configure", "GET", "/configure/providers", refusing(_CONFIGURED)),
    ("requests", "GET", "/requests", refusing("requests are in the gateway's log")),
    ("api_keys", "GET", "/api-keys", refusing("keys are made with `memory-gateway keys new`")),
    ("api_keys", "POST", "/api-keys", refusing("keys are made with `memory-gateway keys new`")),
)

OPEN: Final[tuple[Phrase, ...]] = tuple(
    Phrase(
        name=f"mem0_open.{name}",
        method=method,
        path=path,
        answer=answer,
        failed=failed,
        face="mem0",
        bodied=method in ("POST", "PUT"),
    )
    for name, method, path, answer in _SERVED
)
