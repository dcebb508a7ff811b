"""Whether the address that `serve` would listen on can be had."""

import errno
from collections.abc import Iterator
from typing import Final

from gateway.config.compiled import Config
from gateway.runtime.place.facts import Place, Said, problem

_HINTS: Final = {
    errno.EADDRINUSE: ("is in use", "another gateway may be running; choose another --port"),
    errno.EACCES: ("is not for this user", "ports below 1024 need a privilege; choose another --port"),
    errno.EADDRNOTAVAIL: ("is no address of this machine", "choose another --host"),
}


def address(config: Config, place: Place) -> Iterator[Said]:
    del config
    if place.port == 0:
        return  # the system gives a free one
    try:
        place.bind(place.host, place.port)
    except OSError as error:
        why, hint = _HINTS.get(error.errno or 0, (f"cannot be had: {error.strerror}", "check --host and --port"))
        yield problem("address", f"{place.host}:{place.port} {why}", hint)
