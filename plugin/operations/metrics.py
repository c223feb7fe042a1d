"""The app's numbers, for Prometheus. Labels are templates and tenants, never ids."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

# Seconds. A launch waits twice for the EHR; a form is answered at once.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Jobs by status, as (status, how many).
Backlog = Callable[[], Iterable[tuple[str, int]]]


class Metrics:
    """One registry for one app, so that two apps in one process do not mix."""

    def __init__(self, backlog: Backlog) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "selfhelp_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "selfhelp_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Backlog(backlog))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Backlog:
    """Counted in the database when asked for: every replica gives the same number."""

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog

    def collect(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily(
            "selfhelp_write_jobs", "Write jobs by status.", labels=("status",)
        )
        for status, count in self.backlog():
            jobs.add_metric((status,), count)
        yield jobs
