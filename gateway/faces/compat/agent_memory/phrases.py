"""The table of the agent-memory server, and what of it is not here."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from gateway.faces.compat.agent_memory import creating, finding, forgetting, prompting, single, working
from gateway.faces.compat.agent_memory.serving import reply
from gateway.faces.compat.failing import failed, told
from gateway.faces.http.exchange import Exchange, Phrase, Reply

Answer: TypeAlias = Callable[[Exchange], Awaitable[Reply]]

NOT_HERE: Final = 501
_SESSIONS: Final = "/v1/working-memory/"
_SESSION: Final = "/v1/working-memory/{session_id}"
_MEMORIES: Final = "/v1/long-term-memory"
_MEMORY: Final = "/v1/long-term-memory/{memory_id}"
_VIEWS: Final = "/v1/summary-views"
_NO_VIEWS: Final = "no model writes summaries of memories here; POST /v1/context gives a block of memories for a prompt"
_NO_TASKS: Final = "everything is done when it is answered: there are no tasks to ask for"
_NO_COMPACTION: Final = "no model merges memories here; a route's `retention:` says what ends"


async def _health(_exchange: Exchange) -> Reply:
    return reply({"now": time.time()})


def _refusing(words: str) -> Answer:
    async def refuse(exchange: Exchange) -> Reply:
        return told(NOT_HERE, words, "not_served", exchange.request_id)

    return refuse


def _phrase(name: str, method: str, path: str, answer: Answer) -> Phrase:
    return Phrase(
        name=f"agent_memory.{name}",
        method=method,
        path=path,
        answer=answer,
        failed=failed,
        face="agent_memory",
        bodied=method not in ("GET", "DELETE"),
    )


_SERVED: Final = (
    ("health_check", "GET", "/v1/health", _health),
    ("list_sessions", "GET", _SESSIONS, working.listed),
    ("get_working_memory", "GET", _SESSION, working.seen),
    ("put_working_memory", "PUT", _SESSION, working.replaced),
    ("delete_working_memory", "DELETE", _SESSION, working.deleted),
    ("create_long_term_memory", "POST", f"{_MEMORIES}/", creating.created),
    ("search_long_term_memory", "POST", f"{_MEMORIES}/search", finding.searched),
    ("forget_long_term_memories", "POST", f"{_MEMORIES}/forget", forgetting.forgotten),
    ("delete_long_term_memories", "DELETE", _MEMORIES, single.deleted),
    ("get_long_term_memory", "GET", _MEMORY, single.seen),
    ("edit_long_term_memory", "PATCH", _MEMORY, single.changed),
    ("memory_prompt", "POST", "/v1/memory/prompt", prompting.prompted),
)

_REFUSED: Final = (
    ("compact", "POST", f"{_MEMORIES}/compact", _NO_COMPACTION),
    ("list_summary_views", "GET", _VIEWS, _NO_VIEWS),
    ("create_summary_view", "POST", _VIEWS, _NO_VIEWS),
    ("get_summary_view", "GET", f"{_VIEWS}/{{view_id}}", _NO_VIEWS),
    ("delete_summary_view", "DELETE", f"{_VIEWS}/{{view_id}}", _NO_VIEWS),
    ("run_summary_view", "POST", f"{_VIEWS}/{{view_id}}/run", _NO_VIEWS),
    ("list_summary_view_partitions", "GET", f"{_VIEWS}/{{view_id}}/partitions", _NO_VIEWS),
    ("run_summary_view_partition", "POST", f"{_VIEWS}/{{view_id}}/partitions/run", _NO_VIEWS),
    ("get_task", "GET", "/v1/tasks/{task_id}", _NO_TASKS),
)

SERVER: Final[tuple[Phrase, ...]] = (
    *(_phrase(name, method, path, answer) for name, method, path, answer in _SERVED),
    *(_phrase(name, method, path, _refusing(words)) for name, method, path, words in _REFUSED),
)
