"""A running gateway as the verbs that steer it see it: its admin face, over HTTP, with the standard library alone.

Exits with 1 and one line where it cannot be reached or refuses to talk. Never goes through a proxy: it would get the key.
"""

import functools
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Final, NoReturn

import click

from gateway.cli.settings import PREFIX

REJECTED: Final = 6  # exit code: the gateway runs on, and did not do what was asked
UNREACHED: Final = 1
SECONDS: Final = 240.0  # longer than a reload can take


class Gateway:
    """The gateway at a URL. `key` is one of `admin.api_keys`, or "" for a caller on its own machine."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._key = key

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, query)

    def post(self, path: str, **query: Any) -> Any:
        return self._ask("POST", path, query)

    def delete(self, path: str, **query: Any) -> Any:
        return self._ask("DELETE", path, query)

    def raw(self, path: str, **query: Any) -> bytes:
        """What comes back, byte for byte."""
        return self._read("GET", path, query)

    def _ask(self, method: str, path: str, query: dict[str, Any]) -> Any:
        try:
            return json.loads(self._read(method, path, query))
        except ValueError:
            _leave(f"what answers at {self._url} is no gateway")

    def _read(self, method: str, path: str, query: dict[str, Any]) -> bytes:
        said = urllib.parse.urlencode(query, doseq=True)
        url = f"{self._url}{path}{'?' if said else ''}{said}"
        if not url.startswith(("http://", "https://")):
            _leave(f"{self._url} is no address of a gateway: write http://HOST:PORT")
        asked = urllib.request.Request(url, method=method, headers={"Accept": "application/json"})  # noqa: S310 - http only
        if self._key:
            asked.add_unredirected_header("Authorization", f"Bearer {self._key}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(asked, timeout=SECONDS) as reply:
                return bytes(reply.read())
        except urllib.error.HTTPError as error:
            _leave(f"{self._url} refuses: {_problem(error)}")
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            _leave(f"no gateway answers at {self._url}: {getattr(why, 'strerror', None) or why}")


def at_gateway(
    *names: str, key: str = "One of admin.api_keys, where the gateway asks for one.", envvar: str = "ADMIN_KEY"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a verb its `gateway`, by --url and a key. `names` are what the key's option is called, where not --key; `key`
    says which it is."""

    def steered(command: Callable[..., None]) -> Callable[..., None]:
        @click.option("--url", help=f"The gateway's address; http://127.0.0.1:${PREFIX}PORT where none is given.")
        @click.option(
            *(names or ("--key",)),
            "admin_key",
            envvar=PREFIX + envvar,
            default="",
            help=key,
        )
        @functools.wraps(command)
        def steering(url: str | None, admin_key: str, **given: Any) -> None:
            near = f"http://127.0.0.1:{os.environ.get(PREFIX + 'PORT', '8080')}"
            command(gateway=Gateway(url or near, admin_key), **given)

        return steering

    return steered


def _problem(error: urllib.error.HTTPError) -> str:
    try:
        said = json.load(error)
        return f"{error.code} {said['code']}: {said['detail']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _leave(why: str) -> NoReturn:
    click.echo(why, err=True)
    sys.exit(UNREACHED)
