"""Moto as a process: run as `python -m tests.servers.aws_process PORT`.

Moto answers in threads and locks nothing: one transaction that fails there takes back what others wrote meanwhile. AWS
never does; so here one request is answered after the other. And before a transaction it copies the whole table, item by
item: here it copies which items there are, as puts and deletes replace items and never change them. Queries sort the
whole table by objects; here by their values.
"""

import copy
import logging
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, cast

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class InTurn:
    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._turn:
            return list(self._app(environ, start_response))


def _remembered(table: Any, _memo: object) -> Any:
    """What a transaction goes back to when it fails: the same items in a table of their own."""
    other = copy.copy(table)
    sorted_too = bool(table.range_key_attr)
    other.items = defaultdict(dict, {key: dict(some) if sorted_too else some for key, some in table.items.items()})
    return other


def _sorted(table: Any) -> list[Any]:
    if not table.range_key_attr:
        return sorted(table.items.values(), key=lambda item: item.hash_key.value)
    items = [item for found in table.items.values() for item in found.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value))


def serve(port: int) -> None:
    from moto.dynamodb.models import table  # pyright: ignore[reportMissingTypeStubs] -- moto has none
    from moto.moto_server.werkzeug_app import (  # pyright: ignore[reportMissingTypeStubs] -- moto has none
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import run_simple

    kept = cast("Any", table).Table
    kept.__deepcopy__, kept.all_items = _remembered, _sorted
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = InTurn(cast("Wsgi", DomainDispatcherApplication(cast("Any", create_backend_app))))
    run_simple("127.0.0.1", port, cast("Any", app), threaded=True, use_reloader=False)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
