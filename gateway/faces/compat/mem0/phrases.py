"""The table of mem0's platform: what its clients call, and what answers."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from gateway.faces.compat.mem0 import account, adding, entities, events, exports, finding, single
from gateway.faces.compat.mem0.failing import failed
from gateway.faces.http.exchange import Exchange, Phrase, Reply

Answer: TypeAlias = Callable[[Exchange], Awaitable[Reply]]

_ONE, _PROJECTS = "/v1/memories/{memory_id}/", "/api/v1/orgs/organizations/{org}/projects/"
_SETTINGS: Final = "the settings of a project are its tenant's file here; ask the operator"
_MODELS: Final = "no model writes this here; POST /v1/context gives a block of memories for a prompt"
_EVENTS: Final = "events are not kept: each add tells what it came to, and its event_id can be asked for"
_HOOKS: Final = "webhooks are not called from here; hooks are declared in the operator's file, under `hooks:`"


def _phrase(name: str, method: str, path: str, answer: Answer) -> Phrase:
    return Phrase(
        name=f"mem0.{name}",
        method=method,
        path=path,
        answer=answer,
        failed=failed,
        face="mem0",
        bodied=method != "GET" and (method != "DELETE" or path == "/v1/batch/"),
    )


_SERVED: Final = (
    ("ping", "GET", "/v1/ping/", account.ping),
    ("add", "POST", "/v3/memories/add/", adding.added),
    ("add", "POST", "/v1/memories/", adding.added),
    ("search", "POST", "/v3/memories/search/", finding.searched),
    ("search", "POST", "/v2/memories/search/", finding.searched_v1),
    ("search", "POST", "/v1/memories/search/", finding.searched_v1),
    ("get_all", "POST", "/v3/memories/", finding.listed),
    ("get_all", "POST", "/v2/memories/", finding.listed_v2),
    ("get_all", "GET", "/v1/memories/", finding.listed_v1),
    ("delete_all", "DELETE", "/v1/memories/", entities.deleted_all),
    ("get", "GET", _ONE, single.seen),
    ("update", "PUT", _ONE, single.changed),
    ("delete", "DELETE", _ONE, single.deleted),
    ("history", "GET", f"{_ONE}history/", single.history),
    ("batch_update", "PUT", "/v1/batch/", single.changed_many),
    ("batch_delete", "DELETE", "/v1/batch/", single.deleted_many),
    ("feedback", "POST", "/v1/feedback/", single.feedback),
    ("users", "GET", "/v1/entities/", entities.listed),
    ("delete_users", "DELETE", "/v2/entities/{kind}/{name}/", entities.deleted),
    ("delete_users", "DELETE", "/v1/entities/{kind}/{name}/", entities.deleted),
    ("event", "GET", "/v1/event/{event_id}/", events.event),
    ("create_memory_export", "POST", "/v1/exports/", exports.created),
    ("get_memory_export", "POST", "/v1/exports/get/", exports.fetched),
    ("get_project", "GET", f"{_PROJECTS}{{project}}/", account.project),
)

_REFUSED: Final = (
    ("get_summary", "POST", "/v1/summary/", _MODELS),
    ("get_profile", "GET", "/v2/entities/{kind}/{name}/profile/", _MODELS),
    ("get_profile_settings", "GET", "/v2/profiles/settings/", _MODELS),
    ("update_profile_settings", "POST", "/v2/profiles/settings/", _MODELS),
    ("generate_profile", "POST", "/v2/profiles/jobs/", _MODELS),
    ("get_profile_job", "GET", "/v2/profiles/jobs/{job}/", _MODELS),
    ("events", "GET", "/v1/events/", _EVENTS),
    ("stats", "GET", "/v1/stats/", "counts are at /metrics, for operators"),
    ("create_project", "POST", _PROJECTS, _SETTINGS),
    ("update_project", "PATCH", f"{_PROJECTS}{{project}}/", _SETTINGS),
    ("delete_project", "DELETE", f"{_PROJECTS}{{project}}/", _SETTINGS),
    *(
        ("members", method, f"{_PROJECTS}{{project}}/members/", _SETTINGS)
        for method in ("GET", "POST", "PUT", "DELETE")
    ),
    ("get_webhooks", "GET", "/api/v1/webhooks/projects/{project}/", _HOOKS),
    ("create_webhook", "POST", "/api/v1/webhooks/projects/{project}/", _HOOKS),
    ("update_webhook", "PUT", "/api/v1/webhooks/{webhook}/", _HOOKS),
    ("delete_webhook", "DELETE", "/api/v1/webhooks/{webhook}/", _HOOKS),
)

PLATFORM: Final[tuple[Phrase, ...]] = (
    *(_phrase(name, method, path, answer) for name, method, path, answer in _SERVED),
    *(_phrase(name, method, path, account.refusing(words)) for name, method, path, words in _REFUSED),
)
