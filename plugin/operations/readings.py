"""Numbers that are read when `/metrics` is asked, the same from every replica.

What cannot be read is left out: no number is better than a wrong one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from plugin.audit.checkpoint import FILE_NAME
from plugin.foundation import Foundation
from plugin.operations.health import Health
from plugin.store.directory_tables import feeds
from plugin.store.engine import reading
from plugin.store.errors import StoreError
from plugin.store.referral_tables import write_jobs
from plugin.store.schema import micros

# What may stand for long. What is written or cancelled is settled, and only grows.
OPEN_STATES = ("waiting", "leased", "refused", "unknown", "held", "cancelled")

_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True, eq=False)
class Readings(Collector):
    """Takes: `health`, whose checks become gauges too, to be alerted on."""

    foundation: Foundation
    health: Health

    def collect(self) -> Iterator[Metric]:
        yield self._checks()
        try:
            yield self._backlog()
            yield self._oldest()
            yield self._directory()
        except StoreError:
            pass
        yield self._checkpoint()

    def _checks(self) -> Metric:
        checks = GaugeMetricFamily(
            "selfhelp_check_ok",
            "Each check of /readyz: 1 where its state is ok.",
            labels=("check",),
        )
        for check, state in self.health.checks().items():
            checks.add_metric((check,), float(state == "ok"))
        return checks

    def _backlog(self) -> Metric:
        counted = (
            select(write_jobs.c.status, func.count())
            .group_by(write_jobs.c.status)
            .where(write_jobs.c.status != "written")
        )
        found: Counter[str] = Counter()
        with reading(self.foundation.engine) as connection:
            for status, count in connection.execute(counted):
                found[status] = count
        jobs = GaugeMetricFamily(
            "selfhelp_write_jobs", "Write jobs by status.", labels=("status",)
        )
        for status in OPEN_STATES:
            jobs.add_metric((status,), found[status])
        return jobs

    def _oldest(self) -> Metric:
        """How long the oldest job that could be sent has been due, in each tenant."""
        now = self._now()
        due = (
            select(write_jobs.c.tenant, func.min(write_jobs.c.due))
            .where(write_jobs.c.status == "waiting", write_jobs.c.due <= now)
            .where(write_jobs.c.needs_launch.is_(False))
            .group_by(write_jobs.c.tenant)
        )
        with reading(self.foundation.engine) as connection:
            first: dict[str, int] = {row[0]: row[1] for row in connection.execute(due)}
        oldest = GaugeMetricFamily(
            "selfhelp_write_job_overdue_seconds",
            "How long the oldest write job that could be sent has been due.",
            labels=("tenant",),
        )
        for ehr in self.foundation.settings.ehrs:
            oldest.add_metric((ehr.id,), (now - first.get(ehr.id, now)) / _SECOND)
        return oldest

    def _directory(self) -> Metric:
        now = self._now()
        live = select(feeds.c.id, feeds.c.fetched_at).where(feeds.c.live.is_not(None))
        ages = GaugeMetricFamily(
            "selfhelp_directory_age_seconds",
            "Since the live meetings of a feed were seen at their source.",
            labels=("feed",),
        )
        with reading(self.foundation.engine) as connection:
            for row in connection.execute(live):
                ages.add_metric((row.id,), (now - (row.fetched_at or 0)) / _SECOND)
        return ages

    def _checkpoint(self) -> Metric:
        age = GaugeMetricFamily(
            "selfhelp_audit_checkpoint_age_seconds",
            "Since the newest checkpoint of the audit trail, where they are kept.",
        )
        kept = self.foundation.settings.checkpoints
        if kept is not None:
            try:
                made = (Path(kept.directory) / FILE_NAME).stat().st_mtime
            except OSError:
                made = 0.0  # never
            age.add_metric((), self._now() / _SECOND - made)
        return age

    def _now(self) -> int:
        return micros(self.foundation.clock())
