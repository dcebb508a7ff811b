"""Memories and context on the wire."""

from typing import Final

from gateway.faces.http.endpoint import Endpoint
from gateway.services import context
from gateway.services.memories import adding, changing, extracting, past, reading, removing, searching
from gateway.services.views import Memory


def _block_text(request: context.Prompting, block: context.Block) -> str | None:
    return block.text if request.format == "text" else None


MEMORIES: Final = (
    Endpoint(
        method="POST",
        path="/v1/memories",
        operation=adding.ADD,
        request=adding.Add,
        reply=Memory,
        status=201,
        replayable=True,
        summary="Add a memory",
    ),
    Endpoint(
        method="POST",
        path="/v1/memories/batch",
        operation=adding.ADD_BATCH,
        request=adding.AddBatch,
        reply=adding.AddedBatch,
        replayable=True,
        summary="Add many memories; each item is told apart",
    ),
    Endpoint(
        method="POST",
        path="/v1/memories/extract",
        operation=extracting.EXTRACT,
        request=extracting.Extract,
        reply=extracting.Extraction,
        summary="Let the backend learn from messages in its own way",
    ),
    Endpoint(
        method="POST",
        path="/v1/memories/search",
        operation=searching.SEARCH,
        request=searching.Search,
        reply=searching.Results,
        summary="Find memories by the route's strategy",
    ),
    Endpoint(
        method="GET",
        path="/v1/memories",
        operation=reading.LIST,
        request=reading.Listing,
        reply=reading.Memories,
        summary="List memories, newest first",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/memories",
        operation=removing.DELETE_ALL,
        request=removing.Removal,
        reply=removing.Removed,
        summary="Delete all memories of a scope, or those that pass a filter",
    ),
    Endpoint(
        method="GET",
        path="/v1/memories/{memory_id}",
        operation=reading.GET,
        request=reading.One,
        reply=Memory,
        summary="Get a memory",
    ),
    Endpoint(
        method="PATCH",
        path="/v1/memories/{memory_id}",
        operation=changing.UPDATE,
        request=changing.Change,
        reply=Memory,
        summary="Change a memory's content or metadata",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/memories/{memory_id}",
        operation=removing.DELETE,
        request=reading.One,
        reply=removing.Removed,
        summary="Delete a memory",
    ),
    Endpoint(
        method="GET",
        path="/v1/memories/{memory_id}/history",
        operation=past.OPERATION,
        request=reading.One,
        reply=past.Events,
        summary="What a memory said before",
    ),
    Endpoint(
        method="POST",
        path="/v1/context",
        operation=context.CONTEXT,
        request=context.Prompting,
        reply=context.Block,
        text=_block_text,
        tag="context",
        summary="The rendered memory block for a message",
    ),
)
