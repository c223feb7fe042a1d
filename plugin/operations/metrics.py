"""The app's numbers, for Prometheus. Labels are templates and tenants, never ids."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from plugin.version import VERSION

# Seconds. A launch waits twice for the EHR; a form is answered at once.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry for one app, so that two apps in one process do not mix.

    Takes: `readings`, which are read whenever the numbers are asked for.
    """

    def __init__(self, readings: Collector) -> None:
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
        self.under_way = Gauge(
            "selfhelp_requests_under_way",
            "Requests that are not answered yet.",
            registry=self.registry,
        )
        self.ehr_calls = Counter(
            "selfhelp_ehr_calls",
            "Calls to an EHR by what came of them.",
            ("tenant", "outcome"),
            registry=self.registry,
        )
        self.ehr_seconds = Histogram(
            "selfhelp_ehr_call_seconds",
            "Time that a call to an EHR took, whatever came of it.",
            ("tenant",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.cards = Counter(
            "selfhelp_cds_cards",
            "Cards by what became of them.",
            ("service", "outcome"),
            registry=self.registry,
        )
        Gauge(
            "selfhelp_build",
            "1; its label says which version runs.",
            ("version",),
            registry=self.registry,
        ).labels(VERSION).set(1)
        self.registry.register(readings)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def called(self, tenant: str, outcome: str, seconds: float) -> None:
        self.ehr_calls.labels(tenant, outcome).inc()
        self.ehr_seconds.labels(tenant).observe(seconds)

    def card(self, service: str, outcome: str) -> None:
        self.cards.labels(service, outcome).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
