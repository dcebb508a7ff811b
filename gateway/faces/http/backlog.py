"""What is still to be done in the background, as metrics: of all workers together, for they share it."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.domain.errors import Unavailable
from gateway.runtime.background import Sum
from gateway.runtime.helm import Helm


async def backlog(helm: Helm) -> Mapping[str, Sum]:
    """Nothing where it cannot be asked: a gap says more than a zero."""
    try:
        return await helm.background.sums() if helm.background is not None else {}
    except Unavailable:
        return {}


class Backlog(Collector):
    def __init__(self, sums: Mapping[str, Sum]) -> None:
        self._sums = sums

    def collect(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("gateway_jobs", "Jobs that are still to be done.", labels=["state"])
        records = GaugeMetricFamily("gateway_jobs_records", "Records they owe.", labels=["state"])
        oldest = GaugeMetricFamily("gateway_jobs_oldest_age_seconds", "Since the oldest was begun.", labels=["state"])
        for state, each in self._sums.items():
            jobs.add_metric([state], each.jobs)
            records.add_metric([state], each.records)
            oldest.add_metric([state], each.oldest)
        return (jobs, records, oldest)
