"""What there is to compare with: a minimal typed Litestar handler for each operation, on the same server.

    python -m bench.bare PORT REPLIES

It reads the same request and answers the very same bytes as the gateway did once, and does nothing in between.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, get, post

from gateway.services.memories.searching import Results, Search
from gateway.services.views import Memory


class Add(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    content: str
    metadata: dict[str, Any]


class Replies(msgspec.Struct, frozen=True):
    """What the gateway answered."""

    add: bytes
    get: bytes
    search: bytes


def create_app(replies: Replies) -> Litestar:
    added: Any = msgspec.json.decode(replies.add, type=Memory)
    got: Any = msgspec.json.decode(replies.get, type=Memory)
    found: Any = msgspec.json.decode(replies.search, type=Results)

    @post("/v1/memories")
    async def add(data: Add) -> Memory:  # noqa: ARG001 - read, as the gateway reads it
        return added

    @get("/v1/memories/{memory_id:str}")
    async def one(memory_id: str, user_id: str) -> Memory:  # noqa: ARG001 - the same
        return got

    @post("/v1/memories/search", status_code=200)
    async def search(data: Search) -> Results:  # noqa: ARG001 - the same
        return found

    return Litestar([add, one, search], openapi_config=None, logging_config=None)


def main() -> None:
    replies = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=Replies)
    uvicorn.run(create_app(replies), port=int(sys.argv[1]), access_log=False, log_level="error", server_header=False,
                loop="uvloop", http="httptools")  # fmt: skip


if __name__ == "__main__":
    main()
