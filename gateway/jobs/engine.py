"""DBOS, started and stopped: it hands every run of a job to one worker of the fleet, and again where that worker dies.

Quiet and alone: no console, no telemetry, no server, nothing it keeps is pickled. It has one home in a process, so a
second gateway in the same process is refused. Blocks; called from threads, so that it takes no event loop for its own.
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from gateway.domain.errors import Misconfigured
from gateway.jobs.job import KIND
from gateway.jobs.store import APPLICATION, QUEUE
from gateway.jobs.tables import Place

_VERSION: Final = "1"  # of what a run is given: workers of any release of the gateway take each other's
_POLL_SECONDS: Final = 0.2
_SWEEP: Final = "sweep"
_HOURLY: Final = "17 * * * *"
_SCHEDULES_SECONDS: Final = 60.0
_SPARE_THREADS: Final = 8

Run = Callable[[str, int], None]


class Engine:
    """Started when it is made. `run` and `sweep` are called in threads of DBOS; `run` returns when it is settled."""

    def __init__(self, place: Place, concurrency: int, run: Run, sweep: Callable[[], None]) -> None:
        self.worker = uuid.uuid4().hex
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": place.url,
            "application_version": _VERSION,
            "executor_id": self.worker,
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "log_level": "WARNING",
            "max_executor_threads": concurrency + _SPARE_THREADS,
            "scheduler_polling_interval_sec": _SCHEDULES_SECONDS,
            "db_engine_kwargs": {"hide_parameters": True},
        }
        self._engine = place.engine(concurrency + _SPARE_THREADS, durable=False) if place.path is not None else None
        if self._engine is not None:
            config["system_database_engine"] = self._engine
        DBOS(config=config)
        if DBOS.executor_id != self.worker:
            if self._engine is not None:
                self._engine.dispose()
            raise Misconfigured("another gateway of this process has its jobs here already")
        try:
            DBOS.workflow(name=KIND)(_ran(run))
            swept = DBOS.workflow(name=_SWEEP)(_swept(sweep))
            DBOS.launch()
            DBOS.register_queue(
                QUEUE, worker_concurrency=concurrency, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
            )
            schedule: Any = {"schedule_name": _SWEEP, "workflow_fn": swept, "schedule": _HOURLY}
            DBOS.apply_schedules([schedule])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """At once: what runs is not waited for, and is handed to another worker."""
        DBOS.destroy(destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()


def _ran(run: Run) -> Run:
    """A function, for DBOS marks what it is given."""

    def ran(job: str, number: int) -> None:
        run(job, number)

    return ran


def _swept(sweep: Callable[[], None]) -> Callable[[datetime, Any], None]:
    def swept(_at: datetime, _context: Any) -> None:
        sweep()

    return swept
