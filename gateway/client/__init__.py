"""The Python client. It knows the native API and nothing of the server: it needs httpx and msgspec alone."""

from gateway.client.errors import (
    Away,
    Conflict,
    Faulty,
    Forbidden,
    GatewayError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    TooLate,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from gateway.client.gateway import AsyncGateway, Gateway

__all__ = [
    "AsyncGateway",
    "Away",
    "Conflict",
    "Faulty",
    "Forbidden",
    "Gateway",
    "GatewayError",
    "Invalid",
    "Malformed",
    "NotFound",
    "TooLarge",
    "TooLate",
    "TooMany",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
]
