"""The published OpenAPI is true: requests made from it are served, others are refused in one shape, nothing breaks."""

import re
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any, Final, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from gateway.auth.keys import new_key
from gateway.faces.http.endpoint import Endpoint
from gateway.faces.http.endpoints import ENDPOINTS
from tests.gateways import process

SEED: Final = 1
EXAMPLES: Final = 12
CHECKS: Final[list[Any]] = [
    checks.not_a_server_error,  # pyright: ignore[reportUnknownMemberType]  # its Case is not typed
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ALL_IS_WELL: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.name for each in ENDPOINTS])


KEY: Final = new_key(lambda size: bytes(range(size)))
CONFIG: Final = f"""
version: 1
providers:
  main: {{type: sqlite, path: data/test.db}}
tenants:
  default:
    auth: {{api_keys: [{{hash: "{KEY.hash}", user: u, roles: [reader, writer, eraser, operator]}}]}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}
"""
HEADERS: Final = {"Authorization": f"Bearer {KEY.text}"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    config = tmp_path_factory.mktemp("openapi") / "gateway.yaml"
    config.write_text(CONFIG)
    with process(config) as server:
        yield server.url


@pytest.fixture(scope="module")
def schema(url: str) -> Any:
    return schemathesis.openapi.from_url(f"{url}/schema/openapi.json")


# What this backend does not do, or has none of.
ELSEWHERE = {"memory.extract": 422, "session.summary": 404, "quarantine.release": 404}


def tried(schema: Any, endpoint: Endpoint, mode: GenerationMode, ids: dict[str, str]) -> Counter[int]:
    """The statuses of requests made from the document, each reply held against it."""
    statuses: Counter[int] = Counter()

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=ALL_IS_WELL)
    @given(case=schema[endpoint.path][endpoint.method].as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            _sensible(case, endpoint, ids)
        reply = case.call(headers=HEADERS)
        statuses[reply.status_code] += 1
        case.validate_response(reply, checks=CHECKS)
        if reply.status_code >= 400:
            problem = reply.json()
            assert problem["status"] == reply.status_code
            assert re.fullmatch("[a-z][a-z0-9_]+", problem["code"]), problem

    each()
    return statuses


def _sensible(case: Any, endpoint: Endpoint, ids: dict[str, str]) -> None:
    """What only the configuration and the store know: the caller's user, ids that exist, what may be left out."""
    for name in set(case.path_parameters) & set(ids):
        case.path_parameters[name] = ids[name]
    asked: Any = case.body if endpoint.bodied else case.query
    if not isinstance(asked, dict):
        if endpoint.bodied:
            case.body = asked = {}
        else:
            return
    fields = cast("dict[str, Any]", asked)
    for name in ("user_id", "agent_id", "run_id", "route", "cursor", "strategy", "filters", "version", "expires_at"):
        fields.pop(name, None)
    # 1.0 is an integer to JSON Schema; to the gateway only 1 is.
    fields |= {name: int(value) for name, value in fields.items() if isinstance(value, float) and value < 2**53}
    fields.pop("refuse_new", None)  # nothing could be written afterwards
    if "top_k" in fields:
        fields.pop("limit", None)
    if endpoint.name == "session.append":
        fields |= {"messages": [{"role": "user", "content": "tea"}]}
        fields.pop("message", None)
    elif endpoint.name in ("memory.add", "memory.update", "session.system.put"):
        fields.pop("message", None)
        fields.pop("messages", None)
        fields["content"] = "tea"
    for item in fields.get("memories", ()):
        item.pop("messages", None)
        item["content"] = "tea"


@pytest.fixture(scope="module")
def total(figures: Callable[[str], None]) -> Generator[Counter[str]]:
    counted: Counter[str] = Counter()
    yield counted
    figures(
        f"OpenAPI: of {counted['valid']} requests made from the document {counted['served']} were served, of "
        f"{counted['wrong']} made against it {counted['refused']} refused (seed {SEED})"
    )


@pytest.fixture
def ids(url: str) -> dict[str, str]:
    """One of each, so that what is asked for by id is there."""
    with httpx.Client(base_url=url, headers=HEADERS) as http:
        erasure = http.delete("/v1/subjects/u").json()
        memory = http.post("/v1/memories", json={"content": "tea"}).json()
        http.post("/v1/sessions/s/messages", json={"message": {"role": "user", "content": "tea"}})
        http.put("/v1/sessions/s/system", json={"content": "be kind"})
        http.put("/v1/runs/r/checkpoints/c", json={"state": {"n": 1}})
        http.put("/v1/runs/r/state", json={"status": "running"})
    known = {"memory_id": memory["id"], "session_id": "s", "run_id": "r", "checkpoint_id": "c"}
    return known | {"user_id": "u", "erasure_id": erasure["id"]}


@EVERY
def test_requests_made_from_the_document_are_answered_as_it_says(
    schema: Any, endpoint: Endpoint, ids: dict[str, str], total: Counter[str]
) -> None:
    statuses = tried(schema, endpoint, GenerationMode.POSITIVE, ids)
    served = sum(count for status, count in statuses.items() if status < 300)
    total.update(valid=statuses.total(), served=served)
    expected = ELSEWHERE.get(endpoint.name)
    if expected is not None:
        assert expected in statuses, statuses
        assert not served, statuses
        return
    assert served >= 0.6 * statuses.total(), statuses


@EVERY
def test_requests_against_the_document_are_refused_as_it_says(
    schema: Any, endpoint: Endpoint, ids: dict[str, str], total: Counter[str]
) -> None:
    statuses = tried(schema, endpoint, GenerationMode.NEGATIVE, ids)
    refused = sum(count for status, count in statuses.items() if status >= 400)
    total.update(wrong=statuses.total(), refused=refused)
    assert refused >= 0.4 * statuses.total(), statuses


@pytest.mark.parametrize("fault", ["a status", "a field"])
def test_a_document_that_were_wrong_would_be_found_out(url: str, fault: str) -> None:
    document = httpx.get(f"{url}/schema/openapi.json").json()
    operation = document["paths"]["/v1/memories"]["get"]
    if fault == "a status":
        del operation["responses"]["422"]
    else:
        document["components"]["schemas"]["Memories"]["properties"]["cursor"] = {"type": "integer"}
    wrong = cast("Any", schemathesis.openapi.from_dict(document))
    wrong.config.update(base_url=url)
    query = {"limit": "0" if fault == "a status" else "1"}
    case = wrong["/v1/memories"]["GET"].Case(query=query)
    with pytest.raises(FailureGroup):
        case.validate_response(case.call(headers=HEADERS), checks=CHECKS)
