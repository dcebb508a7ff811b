"""All phrases of all languages that are not the gateway's own."""

from typing import Final

from gateway.faces.http.exchange import Phrase

PHRASES: Final[tuple[Phrase, ...]] = ()
