"""What may be taken out of the trail, and that the chain stays whole without it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, insert, select, update

from plugin.audit.checkpoint import make_checkpoints, newest_checkpoints
from plugin.audit.errors import HeldBack, TooEarly
from plugin.audit.keys import AuditKeys
from plugin.audit.retention import Retention
from plugin.audit.trail import Event, Trail
from plugin.audit.verify import verify
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import decisions

Fill = Callable[..., None]
WHY = {"reason": "asked by the patient", "actor": "operator:root"}
CANARY = "patient-canary-0"
LATER = datetime(2033, 4, 1, tzinfo=UTC)


@pytest.fixture
def retention(engine: Engine, trail: Trail) -> Retention:
    return Retention(engine, trail)


def records(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(audit_events).order_by(audit_events.c.sequence)
        )
        return list(rows)


def change(engine: Engine, number: int, **values: Any) -> None:
    mine = audit_events.c.sequence == number
    with writing(engine) as connection:
        connection.execute(update(audit_events).where(mine).values(**values))


def test_A15_erased_patient_is_gone_and_the_chain_is_whole(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, retention: Retention
) -> None:
    fill(6)
    about = {"referral": "r-1", "choices": [{"program": "aa"}]}
    trail.record(
        engine,
        Event("general", "referral.signed", patient=CANARY, detail=about),
    )
    row = {"tenant": "general", "patient": CANARY, "context_id": "c", "author": "a"}
    row |= {"id": "d", "decision": "declined", "recorded_at": 1}
    with writing(engine) as connection:
        connection.execute(insert(decisions).values(row | {"red_unresolved": False}))
    assert retention.erase("general", CANARY, **WHY) == 4
    assert verify(engine, keys).whole
    rows = records(engine)
    name = keys.pseudonym("general", CANARY)
    assert [one.sequence for one in rows] == list(range(1, 9))
    assert {one.patient for one in rows} == {
        keys.pseudonym("general", "patient-canary-1"),
        "",
    }
    assert all(name.encode() not in one.canonical for one in rows[:-1])
    assert [one.identity is None for one in rows] == [
        *(True, False, True, False, True, False),
        *(True, True),
    ]
    first = orjson.loads(rows[0].canonical)
    assert (first["kind"], first["actor"]) == ("chart.read", "Practitioner/7")
    assert first["detail"] == {"erased": True}
    with reading(engine) as connection:
        assert connection.execute(select(audit_marks)).all() == []
        assert connection.execute(select(decisions)).all() == []


@pytest.mark.parametrize(
    ("number", "values"),
    [
        pytest.param(1, {"actor": "Practitioner/8"}, id="A15-erased-actor"),
        pytest.param(1, {"canonical": b'{"detail":1}'}, id="A15-erased-text"),
        pytest.param(3, {"chain": bytes(32)}, id="A15-erased-chain"),
        pytest.param(2, {"identity": None}, id="A15-never-erased"),
        pytest.param(7, {"canonical": b"{}"}, id="A15-erasure-itself"),
    ],
)
def test_A15_erasure_hides_no_change(
    engine: Engine,
    keys: AuditKeys,
    fill: Fill,
    retention: Retention,
    number: int,
    values: dict[str, Any],
) -> None:
    fill(6)
    retention.erase("general", CANARY, **WHY)
    change(engine, number, **values)
    (finding,) = verify(engine, keys).findings
    # Where the erasure itself was changed, nothing vouches for what it erased.
    assert finding.sequence == (1 if number == 7 else number)


def test_A15_forged_erasure_removes_nothing(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill
) -> None:
    fill(3)
    thief = Trail(AuditKeys([b"\x66" * 32]), trail.clock)
    Retention(engine, thief).erase("general", "nobody", **WHY)
    forged = [[1, records(engine)[0].chain.hex(), "0" * 64]]
    thief.record(engine, Event("general", "audit.erased", detail={"records": forged}))
    change(engine, 1, canonical=b"{}")
    assert verify(engine, keys).findings[0].sequence == 1


def test_A15_old_records_are_purged_and_the_chain_is_whole(
    engine: Engine,
    trail: Trail,
    keys: AuditKeys,
    fill: Fill,
    retention: Retention,
    tmp_path: Path,
) -> None:
    file = tmp_path / "checkpoints.jws"
    fill(5)
    make_checkpoints(engine, trail, file)
    trail.clock.now = LATER  # type: ignore[attr-defined]
    fill(2)
    assert retention.purge("general", years=6, now=LATER, actor="operator:root") == 6
    kept = newest_checkpoints(file, keys)
    verdict = verify(engine, keys, checkpoints=kept)
    assert verdict.whole, verdict.findings
    assert verdict.counts == {"general": 3}
    assert [one.sequence for one in records(engine)] == [7, 8, 9]
    make_checkpoints(engine, trail, file)
    assert verify(engine, keys, checkpoints=newest_checkpoints(file, keys)).whole


def test_A15_purge_does_not_cover_what_was_not_purged(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, retention: Retention
) -> None:
    fill(5)
    gone = records(engine)[4]
    trail.clock.now = LATER  # type: ignore[attr-defined]
    fill(3)
    retention.purge("general", years=7, now=LATER, actor="operator:root")
    with writing(engine) as connection:
        connection.execute(audit_events.delete().where(audit_events.c.sequence == 6))
    assert verify(engine, keys).findings[0].sequence == 6
    with writing(engine) as connection:
        connection.execute(insert(audit_events).values(gone._asdict()))
    assert "next record is number 5" in verify(engine, keys).findings[0].what


def test_records_are_kept_for_six_years(fill: Fill, retention: Retention) -> None:
    fill(3)
    with pytest.raises(TooEarly, match="at least 6 years"):
        retention.purge("general", years=5, now=LATER, actor="operator:root")
    young = datetime(2026, 3, 3, tzinfo=UTC) + timedelta(days=6 * 365)
    assert retention.purge("general", years=6, now=young, actor="operator:root") == 0


def test_legal_hold_keeps_everything_until_it_is_released(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill, retention: Retention
) -> None:
    fill(4)
    retention.hold("general", "patient-canary-1", reason="case 7", actor="operator:x")
    with pytest.raises(HeldBack, match="legal hold"):
        retention.erase("general", "patient-canary-1", **WHY)
    trail.clock.now = LATER  # type: ignore[attr-defined]
    fill(1)
    assert retention.purge("general", years=6, now=LATER, actor="operator:x") == 1
    retention.release("general", "patient-canary-1", reason="over", actor="operator:x")
    assert retention.erase("general", "patient-canary-1", **WHY) == 4
    assert verify(engine, keys).whole


def test_A06_patient_is_erased_under_every_name_that_a_key_gave(
    engine: Engine, trail: Trail, fill: Fill
) -> None:
    fill(1)
    ring = AuditKeys([b"\x07" * 32, b"\x05" * 32])
    newer = Trail(ring, trail.clock)
    newer.record(engine, Event("general", "chart.read", patient=CANARY))
    assert Retention(engine, newer).erase("general", CANARY, **WHY) == 2
    assert verify(engine, ring).whole
