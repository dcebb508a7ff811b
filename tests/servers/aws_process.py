"""Moto as a process: run as `python -m tests.servers.aws_process PORT`.

Moto answers in threads and locks nothing: one transaction that fails there takes back what others wrote meanwhile. AWS
never does; so here one request is answered after the other.
"""

import sys
import threading
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


def serve(port: int) -> None:
    from moto.moto_server.werkzeug_app import (  # pyright: ignore[reportMissingTypeStubs] -- moto has none
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import run_simple

    app = InTurn(cast("Wsgi", DomainDispatcherApplication(cast("Any", create_backend_app))))
    run_simple("127.0.0.1", port, cast("Any", app), threaded=True, use_reloader=False)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
