"""The seam between the two drivers: a client of either, and what is a coroutine in one and a cursor in the other.

Everything else about them is alike. Both raise PyMongo's errors. Neither may retry by itself or read from a secondary.
"""

import asyncio
import inspect
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

from pymongo import AsyncMongoClient, errors

from gateway.domain.errors import Unavailable

if TYPE_CHECKING:
    from gateway.providers.mongodb import MongodbOptions

Collection: TypeAlias = Any  # of either driver: they share the names of their methods and no type


async def connected(options: "MongodbOptions", name: str, stack: AsyncExitStack) -> Collection:
    """The collection, of a client that is closed with the stack. Nothing has been asked of the server yet."""
    if not options.url.reveal().startswith(("mongodb://", "mongodb+srv://")):
        raise Unavailable(f"{name}: the `url` must begin with mongodb:// or mongodb+srv://", code="mongodb_url")
    try:
        client = _client(options)
    except (errors.ConfigurationError, ValueError, TypeError):  # InvalidURI is one of the first; all may quote the URL
        raise Unavailable(f"{name}: the `url` cannot be used by the driver", code="mongodb_url") from None
    stack.push_async_callback(_close, client)
    database = client[options.database] if options.database else client.get_default_database("memory_gateway")
    return database[options.collection]


async def awaited(given: Any) -> Any:
    """What is a coroutine in PyMongo and a cursor already in Motor."""
    return await given if inspect.isawaitable(given) else given


def _client(options: "MongodbOptions") -> Any:
    connect, answer = (round(span.seconds * 1000) for span in (options.connect_timeout, options.timeout))
    settings: dict[str, Any] = {
        "serverSelectionTimeoutMS": connect, "connectTimeoutMS": connect, "socketTimeoutMS": answer,
        "waitQueueTimeoutMS": answer, "wTimeoutMS": answer, "maxPoolSize": options.pool_size,
        "retryWrites": False, "retryReads": False, "readPreference": "primary", "w": "majority", "journal": True,
        "document_class": dict, "tz_aware": True, "appname": "memory-gateway",
    }  # fmt: skip
    if options.driver == "pymongo":
        return AsyncMongoClient[dict[str, Any]](options.url.reveal(), **settings)
    try:
        from motor import motor_asyncio
    except ImportError:
        raise Unavailable(
            "`driver: motor` needs the package motor, which is not installed", code="missing_package"
        ) from None
    return motor_asyncio.AsyncIOMotorClient(options.url.reveal(), io_loop=asyncio.get_running_loop(), **settings)


async def _close(client: Any) -> None:
    await awaited(client.close())
