"""The meters as Prometheus text. Reads them when asked; nothing here is in a request's path."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.chain.guarded import Guard, State
from gateway.faces.http.admission import Admission
from gateway.faces.http.backlog import Backlog, backlog, unconfirmed
from gateway.runtime.census import Standing, census
from gateway.runtime.helm import Helm
from gateway.runtime.meters import BOUNDS, Meters

NAMES = ("tenant", "route", "provider", "operation")


async def exposition(helm: Helm, admission: Admission) -> bytes:
    running = helm.running
    registry = CollectorRegistry(auto_describe=False)
    instances = running.means.instances
    registry.register(
        _Reading(await running.tally.total(), await census(instances.live()), instances.guards(), helm, admission)
    )
    registry.register(Backlog(await backlog(helm), await unconfirmed(helm)))
    return generate_latest(registry)


class _Reading(Collector):
    def __init__(
        self,
        meters: Meters,
        standings: dict[str, Standing],
        guards: Mapping[str, Guard],
        helm: Helm,
        admission: Admission,
    ) -> None:
        self._meters = meters
        self._standings = standings
        self._guards = guards
        self._helm = helm
        self._admission = admission

    def collect(self) -> Iterable[Metric]:
        yield from _operations(self._meters)
        yield from _provider_metrics(self._standings)
        yield from _guards(self._guards)
        yield from _admissions(self._meters, self._admission)
        problems = CounterMetricFamily("gateway_problems", "Replies that were problems.", labels=["code"])
        for code, count in sorted(self._meters.problems.items()):
            problems.add_metric([code], count)
        yield problems
        breaches = CounterMetricFamily(
            "gateway_fence_breaches",
            "Rows a provider returned from outside the reach; never shown.",
            labels=["provider"],
        )
        for provider, rows in sorted(self._meters.breaches.items()):
            breaches.add_metric([provider], rows)
        yield breaches
        links = CounterMetricFamily(
            "gateway_chain", "What links of chains did with a provider.", labels=["provider", "what"]
        )
        for place, count in sorted(self._meters.links.items()):
            links.add_metric(place, count)
        yield links
        faults = CounterMetricFamily(
            "gateway_faults", "What went wrong and was lived with.", labels=["tenant", "route", "code"]
        )
        for place, count in sorted(self._meters.faults.items()):
            faults.add_metric(place, count)
        yield faults
        hooks = CounterMetricFamily("gateway_hooks", "Answers of hooks.", labels=["tenant", "route", "hook", "answer"])
        for place, count in sorted(self._meters.hooks.items()):
            hooks.add_metric(place, count)
        yield hooks
        kept = CounterMetricFamily(
            "gateway_retention_records", "Records by what retention did with them.", labels=["tenant", "route", "what"]
        )
        for place, count in sorted(self._meters.retention.items()):
            kept.add_metric(place, count)
        yield kept
        yield from _reloads(self._meters, self._helm)


def _admissions(meters: Meters, admission: Admission) -> Iterator[Metric]:
    shed = CounterMetricFamily("gateway_requests_shed", "Requests refused as too many.", labels=["reason"])
    for reason, count in sorted(meters.sheds.items()):
        shed.add_metric([reason], count)
    running = GaugeMetricFamily("gateway_requests_in_flight", "Requests being served by the worker that answers.")
    running.add_metric([], admission.running)
    waiting = GaugeMetricFamily("gateway_requests_waiting", "Requests that wait for their turn there.")
    waiting.add_metric([], admission.waiting)
    yield from (shed, running, waiting)


def _reloads(meters: Meters, helm: Helm) -> Iterator[Metric]:
    """Of all workers: what any of them serves, and whether all of them are well."""
    status, workers = helm.reloader.status(), helm.workers()
    info = GaugeMetricFamily("gateway_config_info", "The configuration being served.", labels=["digest", "generation"])
    for digest, generation in sorted({(each.digest, each.generation) for each in workers}):
        info.add_metric([digest, str(generation)], 1)
    yield info
    attempts = CounterMetricFamily("gateway_config_reloads", "Attempts to reload.", labels=["result", "stage"])
    for place, count in sorted(meters.reloads.items()):
        attempts.add_metric(place, count)
    yield attempts
    for name, text, value in (
        ("last_reload_successful", "Whether the last change was applied.", all(each.ok for each in workers)),
        (
            "last_success_timestamp_seconds",
            "When the configuration being served was applied.",
            status.applied_at.timestamp(),
        ),
        (
            "disk_valid",
            "Whether the files, as they are now, would be served after a restart.",
            all(each.disk_valid for each in workers),
        ),
        ("held", "Whether a rollback holds the files back.", status.held),
        ("generations_alive", "Generations that are not closed yet.", status.generations_alive),
    ):
        gauge = GaugeMetricFamily(f"gateway_config_{name}", text)
        gauge.add_metric([], float(value))
        yield gauge
    tenants = GaugeMetricFamily("gateway_tenants", "Tenants by how they stand.", labels=["state"])
    for state, count in status.tenants.items():
        tenants.add_metric([state], count)
    yield tenants


def _operations(meters: Meters) -> Iterator[Metric]:
    operations = CounterMetricFamily("gateway_memory_operations", "Operations done or refused.", labels=NAMES)
    errors = CounterMetricFamily("gateway_memory_errors", "Operations that ended in an error.", labels=[*NAMES, "code"])
    latency = HistogramMetricFamily("gateway_memory_latency_seconds", "Time in the service and below.", labels=NAMES)
    for labels, meter in sorted(meters.operations.items()):
        names = [labels.tenant, labels.route, labels.provider, labels.operation]
        operations.add_metric(names, meter.operations)
        for code, count in sorted(meter.errors.items()):
            errors.add_metric([*names, code], count)
        total, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], meter.buckets, strict=True):
            total += count
            buckets.append((bound, total))
        latency.add_metric(names, buckets, meter.seconds)
    yield from (operations, errors, latency)


def _guards(guards: Mapping[str, Guard]) -> Iterator[Metric]:
    """Of this worker: each has guards of its own."""
    state = GaugeMetricFamily("gateway_provider_breaker_open", "Whether a provider is left alone.", labels=["provider"])
    faults = GaugeMetricFamily(
        "gateway_provider_faults", "Whether faults stand before a provider on purpose.", labels=["provider"]
    )
    running = GaugeMetricFamily("gateway_provider_calls", "Calls under way.", labels=["provider", "state"])
    told = CounterMetricFamily("gateway_provider_guard", "What the guard did.", labels=["provider", "what"])
    for name, guard in sorted(guards.items()):
        state.add_metric([name], float(guard.state is not State.CLOSED))
        faults.add_metric([name], float(guard.stand_in is not None))
        running.add_metric([name, "running"], guard.running)
        running.add_metric([name, "waiting"], guard.waiting)
        for what, count in (("opened", guard.opened), ("refused", guard.refused), ("retried", guard.retried)):
            told.add_metric([name, what], count)
    yield from (state, faults, running, told)


def _provider_metrics(standings: dict[str, Standing]) -> Iterator[Metric]:
    records = GaugeMetricFamily("gateway_memory_count", "Records a provider holds.", labels=["provider", "kind"])
    sizes = GaugeMetricFamily("gateway_memory_bytes", "Bytes of content a provider holds.", labels=["provider", "kind"])
    up = GaugeMetricFamily("gateway_provider_up", "Whether a provider answers, asked now.", labels=["provider"])
    answer = GaugeMetricFamily("gateway_provider_answer_seconds", "How long that took.", labels=["provider"])
    for provider, standing in sorted(standings.items()):
        up.add_metric([provider], float(standing.up))
        answer.add_metric([provider], standing.seconds)
        for kind, count in sorted((standing.holds or {}).items()):
            records.add_metric([provider, kind], count.records)
            sizes.add_metric([provider, kind], count.bytes)
    yield from (up, answer, records, sizes)
