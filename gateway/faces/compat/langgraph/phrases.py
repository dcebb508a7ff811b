"""The table of LangGraph's server: its store. Threads, assistants and runs are not here, and say so."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from gateway.faces.compat.failing import failed, told
from gateway.faces.compat.langgraph import store
from gateway.faces.http.exchange import Exchange, Phrase, Reply

Answer: TypeAlias = Callable[[Exchange], Awaitable[Reply]]

_WORDS: Final = (
    "this gateway serves the store of LangGraph's SDK, and runs no graphs; checkpoints are kept by the checkpointer "
    "of its Python client"
)
NOT_HERE: Final = 501


async def _refused(exchange: Exchange) -> Reply:
    return told(NOT_HERE, _WORDS, "not_served", exchange.request_id)


def _phrase(name: str, method: str, path: str, answer: Answer, *, bodied: bool) -> Phrase:
    return Phrase(
        name=f"langgraph.{name}",
        method=method,
        path=path,
        answer=answer,
        failed=failed,
        face="langgraph",
        bodied=bodied,
    )


_REFUSED: Final = (
    ("threads", "POST", "/threads"), ("threads", "POST", "/threads/search"), ("threads", "GET", "/threads/{thread}"),
    ("threads", "GET", "/threads/{thread}/state"), ("assistants", "POST", "/assistants"),
    ("assistants", "POST", "/assistants/search"), ("assistants", "GET", "/assistants/{assistant}"),
    ("runs", "POST", "/runs/stream"), ("runs", "POST", "/runs/wait"), ("runs", "POST", "/threads/{thread}/runs"),
)  # fmt: skip

STORE: Final[tuple[Phrase, ...]] = (
    _phrase("put_item", "PUT", "/store/items", store.put, bodied=True),
    _phrase("get_item", "GET", "/store/items", store.got, bodied=False),
    _phrase("delete_item", "DELETE", "/store/items", store.deleted, bodied=True),
    _phrase("search_items", "POST", "/store/items/search", store.searched, bodied=True),
    _phrase("list_namespaces", "POST", "/store/namespaces", store.namespaces, bodied=True),
    *(_phrase(name, method, path, _refused, bodied=method != "GET") for name, method, path in _REFUSED),
)
