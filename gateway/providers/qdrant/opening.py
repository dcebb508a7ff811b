"""Options to points that can be used: the connection and the collection. The only module that the class itself loads."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from gateway.domain.ports import Kit
from gateway.providers.qdrant.collection import Collection, Shape
from gateway.providers.qdrant.connection import Embedded, Served
from gateway.providers.qdrant.points import Points

if TYPE_CHECKING:
    from gateway.providers.qdrant import QdrantOptions


async def opened(stack: AsyncExitStack, options: "QdrantOptions", kit: Kit, writer: str) -> Points:
    """`writer` is a word that no other instance has."""
    if options.url is not None:
        key = None if options.api_key is None else options.api_key.reveal()
        seconds = options.timeout.seconds
        connection = await Served.open(
            stack, kit.name, _address(options.url.reveal()), key, seconds, options.connections
        )
        most = None
    else:
        connection = await Embedded.open(stack, kit.name, kit.home, options.path or "")
        most = options.max_records
    shape = Shape(name=options.collection, dimension=kit.dimension, on_disk=options.on_disk, replicas=options.replicas)
    collection = Collection(kit.name, connection, shape)
    await collection.prepare()
    exact = options.exact or isinstance(connection, Embedded)  # which has no graphs
    return Points(collection, kit, writer, exact=exact, most=most)


def _address(url: str) -> str:
    """`qdrant://host:6333` and `host:6333` are plain HTTP, `qdrant+https://` is not."""
    scheme, _, rest = url.rpartition("://")
    return f"{'https' if scheme in ('https', 'qdrant+https') else 'http'}://{rest}"
