"""The native API: every operation with its method and path, once. Handlers, OpenAPI and the server come from this."""

from typing import Final

from gateway.faces.http.endpoint import Endpoint
from gateway.faces.http.endpoints_of_memories import MEMORIES
from gateway.faces.http.endpoints_of_quarantine import QUARANTINE
from gateway.faces.http.endpoints_of_runs import RUNS
from gateway.faces.http.endpoints_of_sessions import SESSIONS
from gateway.faces.http.endpoints_of_subjects import SUBJECTS

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*MEMORIES, *SESSIONS, *RUNS, *SUBJECTS, *QUARANTINE)
