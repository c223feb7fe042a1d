"""A trail with some records in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Event, Trail


class SteppingClock:
    """Each look is one second later."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def keys() -> AuditKeys:
    return AuditKeys([b"\x05" * 32])


@pytest.fixture
def trail(keys: AuditKeys) -> Trail:
    return Trail(keys, SteppingClock())


@pytest.fixture
def fill(engine: Engine, trail: Trail) -> Callable[..., None]:
    def fill(count: int = 6, tenant: str = "general") -> None:
        for number in range(count):
            trail.record(
                engine,
                Event(
                    tenant,
                    "chart.read",
                    actor="Practitioner/7",
                    patient=f"patient-canary-{number % 2}",
                    context="ctx-1",
                    detail={"could_not_check": ["Consent"], "number": number},
                ),
            )

    return fill
