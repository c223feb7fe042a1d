"""A launch that was left leaves its end in the trail, once, and keeps its grant."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import Engine, insert, select

from plugin.audit.keys import AuditKeys
from plugin.audit.left_launches import LeftLaunches
from plugin.audit.trail import Event, Trail
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import contexts, grants
from plugin.store.schema import micros

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
IDLE = timedelta(minutes=15)


@pytest.fixture
def left(engine: Engine, trail: Trail) -> LeftLaunches:
    return LeftLaunches(engine, trail, IDLE)


def launch(engine: Engine, seen: datetime = NOON, **values: object) -> None:
    row: dict[str, object] = {
        "id": "ctx-1",
        "tenant": "general",
        "issuer": "https://ehr.example/r4",
        "patient": "patient-canary",
        "fhir_user": "Practitioner/7",
        "subject": "s",
        "secret_hash": "h",
        "sealed": b"",
        "launched_at": micros(NOON),
        "seen_at": micros(seen),
        "expires_at": micros(NOON + timedelta(hours=12)),
    }
    with writing(engine) as connection:
        connection.execute(insert(contexts).values(row | values))
        connection.execute(
            insert(grants).values(
                context_id=row["id"], tenant="general", sealed=b"", updated_at=1
            )
        )


def ends(engine: Engine) -> list[dict[str, object]]:
    mine = audit_events.c.kind == "context.ended"
    with reading(engine) as connection:
        rows = connection.scalars(select(audit_events.c.canonical).where(mine))
        return [orjson.loads(one) for one in rows]


@pytest.mark.parametrize(
    ("values", "after", "told"),
    [
        pytest.param({}, timedelta(minutes=14), [], id="in-use"),
        pytest.param({}, IDLE, ["idle"], id="idle"),
        pytest.param(
            {"expires_at": micros(NOON + timedelta(minutes=5))},
            timedelta(minutes=5),
            ["expired"],
            id="expired",
        ),
        pytest.param(
            {"ended_at": 1, "ended_reason": "idle"},
            timedelta(0),
            ["idle"],
            id="found-idle-when-asked-for",
        ),
        pytest.param(
            {"ended_at": 1, "ended_reason": "logout"}, timedelta(hours=1), [], id="told"
        ),
    ],
)
def test_end_of_a_left_launch_is_recorded_once(
    engine: Engine,
    left: LeftLaunches,
    values: dict[str, object],
    after: timedelta,
    told: list[str],
) -> None:
    launch(engine, **values)
    assert left.note(NOON + after) == len(told)
    assert left.note(NOON + after) == 0
    found = ends(engine)
    assert [one["detail"]["reason"] for one in found] == told  # type: ignore[index]
    assert all(one["actor"] == "Practitioner/7" for one in found)


def test_left_launch_can_still_write_what_was_signed(
    engine: Engine, left: LeftLaunches
) -> None:
    launch(engine)
    left.note(NOON + IDLE)
    with reading(engine) as connection:
        assert connection.scalar(select(grants.c.context_id)) == "ctx-1"
        assert connection.scalar(select(contexts.c.ended_at)) is None


def test_end_that_was_recorded_already_is_not_told_again(
    engine: Engine, left: LeftLaunches, trail: Trail, keys: AuditKeys
) -> None:
    launch(engine)
    event = Event("general", "context.ended", context="ctx-1", detail={"reason": "x"})
    trail.record(engine, event)
    assert left.note(NOON + IDLE) == 0
