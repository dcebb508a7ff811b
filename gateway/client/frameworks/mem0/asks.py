"""The operations in mem0's words, as the gateway's face for them has them."""

from typing import Any, Final

from gateway.client.operation import Ask, Operation, Reply, ScopeParts, ask, operation

_ONE: Final = "/memories/{memory_id}"
_MANY: Final = dict[str, Any]

ADD: Final = operation("POST", "/memories", _MANY, "keyed")
SEARCH: Final = operation("POST", "/search", _MANY, empty=lambda _: {"results": []})
LIST: Final = operation("POST", "/v3/memories/", _MANY, empty=lambda _: {"results": []})
GET: Final = operation("GET", _ONE, _MANY)
UPDATE: Final = operation("PUT", _ONE, _MANY, "never")
DELETE: Final = operation("DELETE", _ONE, _MANY)
HISTORY: Final = operation("GET", f"{_ONE}/history", list[dict[str, Any]])
DELETE_ALL: Final = operation("DELETE", "/memories", _MANY)
RESET: Final = operation("POST", "/reset", _MANY)

# mem0 names whose memories are meant in every call, so what the gateway's client is bound to has no say.
_UNBOUND: Final[ScopeParts] = {"user_id": None, "agent_id": None, "run_id": None, "route": None}


def add(values: dict[str, Any]) -> Ask[dict[str, Any]]:
    return _ask(ADD, values)


def search(values: dict[str, Any]) -> Ask[dict[str, Any]]:
    return _ask(SEARCH, values)


def listed(values: dict[str, Any]) -> Ask[dict[str, Any]]:
    return _ask(LIST, values)


def get(memory_id: str) -> Ask[dict[str, Any]]:
    return _one(GET, memory_id, {})


def update(memory_id: str, values: dict[str, Any]) -> Ask[dict[str, Any]]:
    return _one(UPDATE, memory_id, values)


def delete(memory_id: str) -> Ask[dict[str, Any]]:
    return _one(DELETE, memory_id, {})


def history(memory_id: str) -> Ask[list[dict[str, Any]]]:
    return _one(HISTORY, memory_id, {})


def delete_all(values: dict[str, Any]) -> Ask[dict[str, Any]]:
    return _ask(DELETE_ALL, values)


def reset() -> Ask[dict[str, Any]]:
    return _ask(RESET, {})


def _ask(of: Operation[Reply], values: dict[str, Any]) -> Ask[Reply]:
    return ask(of, _UNBOUND, values)


def _one(of: Operation[Reply], memory_id: str, values: dict[str, Any]) -> Ask[Reply]:
    return ask(of, _UNBOUND, values, memory_id=memory_id)
