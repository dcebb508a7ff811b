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


async def unconfirmed(helm: Helm) -> int | None:
    """None where it cannot be asked."""
    try:
        return await helm.background.unconfirmed() if helm.background is not None else None
    except Unavailable:
        return None


class Backlog(Collector):
    def __init__(self, sums: Mapping[str, Sum], erasures: int | None) -> None:
        self._sums = sums
        self._erasures = erasures

    def collect(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("gateway_jobs", "Jobs that are still to be done.", labels=["state"])
        records = GaugeMetricFamily("gateway_jobs_records", "Records they owe.", labels=["state"])
        oldest = GaugeMetricFamily("gateway_jobs_oldest_age_seconds", "Since the oldest was begun.", labels=["state"])
        for state, each in self._sums.items():
            jobs.add_metric([state], each.jobs)
            records.add_metric([state], each.records)
            oldest.add_metric([state], each.oldest)
        erasures = GaugeMetricFamily("gateway_erasures_pending", "Erasures that some target has not confirmed yet.")
        if self._erasures is not None:
            erasures.add_metric([], self._erasures)
        return (jobs, records, oldest, erasures)
