"""Graphs: episodes, facts and entities, searched and listed and removed, and the context for a question."""

import uuid
from typing import Any

from zep_cloud import types as zep

from tests.servers.zep.answers import Refused, request
from tests.servers.zep.asked import Asked, Route, check_metadata, there
from tests.servers.zep.finding import candidates, page, passes, ranked_page
from tests.servers.zep.people import block

_LONGEST = 10_000
_NAMED = 256


async def add_episode(asked: Asked) -> dict[str, Any]:
    data, name = asked.body.get("data"), asked.path["graph_uuid"]
    there(asked.state.graph(name))
    if not data or len(data) > _LONGEST:
        raise Refused(400, "invalid_data", f"1 to {_LONGEST} characters")
    check_metadata(asked.body.get("metadata"))
    now = asked.state.stamp()
    episode: dict[str, Any] = {
        "uuid": str(uuid.uuid4()), "graph_uuid": name, "user_uuid": name, "content": data,
        "source": asked.body.get("type") or "text", "metadata": asked.body.get("metadata") or {}, "created_at": now,
        "reference_time": asked.body.get("reference_time") or now,
    }  # fmt: skip
    asked.changes.append({"episode": episode, "learn": True})
    return {"episode": episode | {"processed": False}, "task": asked.state.later("add_episode")}


async def list_episodes(asked: Asked) -> dict[str, Any]:
    filters = request(zep.EpisodeListFilters, asked.body.get("filters") or {}, "filters")
    found = [
        each for each in candidates(asked.graph, filters.metadata_filters)
        if passes(filters.metadata_filters, each["metadata"])
    ]  # fmt: skip
    if filters.mentioned_node_uuids is not None:
        wanted = set(filters.mentioned_node_uuids)
        if len(wanted) > _NAMED:
            raise Refused(400, "too_many", f"{_NAMED} uuids at most")
        told = {id_ for node in asked.graph.nodes.values() if node["uuid"] in wanted for id_ in node["episode_uuids"]}
        found = [each for each in found if each["uuid"] in wanted | told]
    return page(found, asked.query)


async def remove(asked: Asked) -> dict[str, Any]:
    graph = asked.graph
    id_ = next(value for key, value in asked.path.items() if key != "graph_uuid")
    if not any(id_ in held for held in (graph.episodes, graph.edges, graph.nodes)):
        raise Refused(404, "not_found", "there is no such thing")
    asked.changes.append({"removed": [id_], "graph": asked.path["graph_uuid"]})
    return {"task": asked.state.later("delete")}


async def list_edges(asked: Asked) -> dict[str, Any]:
    filters = request(zep.EdgeListFilters, asked.body.get("filters") or {}, "filters")
    return page(_sourced(asked, filters, filters.edge_uuids, edges=True), asked.query)


async def list_nodes(asked: Asked) -> dict[str, Any]:
    filters = request(zep.NodeListFilters, asked.body.get("filters") or {}, "filters")
    return page(_sourced(asked, filters, None, edges=False), asked.query)


async def search_episodes(asked: Asked) -> dict[str, Any]:
    filters = request(zep.EpisodeSearchFilters, asked.body.get("filters") or {}, "filters")
    found = [
        each for each in asked.graph.episodes.values()
        if each["processed"] and passes(filters.metadata_filters, each["metadata"])
    ]  # fmt: skip
    return await _ranked(asked, found, [each["content"] for each in found])


async def search_edges(asked: Asked) -> dict[str, Any]:
    filters = request(zep.EdgeSearchFilters, asked.body.get("filters") or {}, "filters")
    found = _sourced(asked, filters, filters.edge_uuids, edges=True)
    return await _ranked(asked, found, [each["fact"] for each in found])


async def search_nodes(asked: Asked) -> dict[str, Any]:
    filters = request(zep.NodeSearchFilters, asked.body.get("filters") or {}, "filters")
    found = _sourced(asked, filters, None, edges=False)
    return await _ranked(asked, found, [f"{each['name']} {each['summary']}" for each in found])


async def context(asked: Asked) -> dict[str, Any]:
    filters = request(zep.SearchFilters, asked.body.get("filters") or {}, "filters")
    found = [each for each in _sourced(asked, filters, None, edges=True) if "invalid_at" not in each]
    best = await asked.ranking.ranked(found, [each["fact"] for each in found], asked.body["query"], "rrf")
    return {"context": block([each["fact"] for each in best[:20]])}


async def _ranked(asked: Asked, found: list[dict[str, Any]], texts: list[str]) -> dict[str, Any]:
    question = asked.body.get("query")
    if not question:
        raise Refused(400, "invalid_query", "a query is needed")
    best = await asked.ranking.ranked(found, texts, question, asked.body.get("reranker") or "rrf")
    return ranked_page(best, asked.query)


def _sourced(asked: Asked, filters: Any, uuids: list[str] | None, *, edges: bool) -> list[dict[str, Any]]:
    """The facts or entities that come from an episode that passes."""
    graph = asked.graph
    held = graph.edges if edges else graph.nodes
    return [
        each for each in held.values()
        if (uuids is None or each["uuid"] in uuids)
        and any(
            passes(filters.metadata_filters, graph.episodes[id_]["metadata"])
            for id_ in each["episode_uuids"] if id_ in graph.episodes
        )
    ]  # fmt: skip


_ADD = ("data", "document_id", "metadata", "reference_time", "source_description", "strict_ontology", "type")
_SEARCH = (
    "query", "filters", "reranker", "bfs_origin_node_uuids", "center_node_uuid", "filter_low_quality_results",
    "mmr_lambda",
)  # fmt: skip
_CONTEXT = ("query", "filters", "include_results", "max_characters", "recency_bias", "template_uuid")
_IN = "graphs/{graph_uuid}/"
ROUTES = (
    Route(
        method="POST", path=_IN + "episodes", model=zep.AddEpisodeResult, act=add_episode, keys=_ADD, writes=True,
        status=202,
    ),
    Route(method="POST", path=_IN + "episodes/list", model=zep.EpisodePage, act=list_episodes, keys=("filters",)),
    Route(method="DELETE", path=_IN + "episodes/{episode_uuid}", model=zep.AsyncResult, act=remove, status=202),
    Route(method="POST", path=_IN + "edges/list", model=zep.EdgePage, act=list_edges, keys=("filters",)),
    Route(method="DELETE", path=_IN + "edges/{edge_uuid}", model=zep.AsyncResult, act=remove, status=202),
    Route(method="POST", path=_IN + "nodes/list", model=zep.NodePage, act=list_nodes, keys=("filters",)),
    Route(method="DELETE", path=_IN + "nodes/{node_uuid}", model=zep.AsyncResult, act=remove, status=202),
    Route(method="POST", path=_IN + "search/episodes", model=zep.EpisodePage, act=search_episodes, keys=_SEARCH),
    Route(method="POST", path=_IN + "search/edges", model=zep.EdgePage, act=search_edges, keys=_SEARCH),
    Route(method="POST", path=_IN + "search/nodes", model=zep.NodePage, act=search_nodes, keys=_SEARCH),
    Route(method="POST", path=_IN + "context", model=zep.GraphContextResponse, act=context, keys=_CONTEXT),
)  # fmt: skip
