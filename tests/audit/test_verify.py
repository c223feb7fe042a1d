"""Whatever is done to the trail is found, and the first bad record is named."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Event, Trail
from plugin.audit.verify import Finding, verify
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.engine import reading, writing

Fill = Callable[..., None]


def change(engine: Engine, number: int, **values: Any) -> None:
    mine = (audit_events.c.tenant == "general") & (audit_events.c.sequence == number)
    with writing(engine) as connection:
        connection.execute(update(audit_events).where(mine).values(**values))


def row(engine: Engine, sequence: int) -> dict[str, Any]:
    mine = audit_events.c.sequence == sequence
    with reading(engine) as connection:
        return dict(
            connection.execute(select(audit_events).where(mine)).mappings().one()
        )


def test_untouched_trail_is_whole(engine: Engine, keys: AuditKeys, fill: Fill) -> None:
    fill(6)
    fill(3, tenant="other")
    verdict = verify(engine, keys)
    assert verdict.whole
    assert verdict.counts == {"general": 6, "other": 3}


def test_empty_trail_is_whole(engine: Engine, keys: AuditKeys) -> None:
    assert verify(engine, keys).whole


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("kind", "chart.forgotten", id="A01-kind"),
        pytest.param("at", 1, id="A01-at"),
        pytest.param("actor", "Practitioner/8", id="A01-actor"),
        pytest.param("patient", "0" * 24, id="A01-patient"),
        pytest.param("context", "ctx-2", id="A01-context"),
        pytest.param("outcome", "refused", id="A01-outcome"),
        pytest.param("canonical", b"{}", id="A01-canonical"),
        pytest.param("identity", b"other", id="A01-identity"),
        pytest.param("identity", None, id="A01-identity-gone"),
        pytest.param("key_id", "ffffffffffff", id="A01-key"),
        pytest.param("chain", bytes(32), id="A01-chain"),
    ],
)
def test_A01_changed_column_is_named(
    engine: Engine, keys: AuditKeys, fill: Fill, column: str, value: object
) -> None:
    fill()
    change(engine, 4, **{column: value})
    (finding,) = verify(engine, keys).findings
    assert (finding.tenant, finding.sequence) == ("general", 4)


@pytest.mark.parametrize(
    ("told", "forged"),
    [
        pytest.param("a\nb", "a\\nb", id="escape-for-what-it-stands-for"),
        pytest.param('a"b', 'a\\"b', id="quotation-mark"),
        pytest.param("a\\b", "a\\\\b", id="backslash"),
        pytest.param('x","at":7', "x", id="name-that-ends-early"),
    ],
)
def test_A01_column_of_odd_characters_is_compared_exactly(
    engine: Engine, trail: Trail, keys: AuditKeys, told: str, forged: str
) -> None:
    trail.record(engine, Event("general", "chart.read", actor=told, context=told))
    trail.record(engine, Event("general", "chart.read", detail={"program": told}))
    assert verify(engine, keys).whole
    for column in ("actor", "context"):
        change(engine, 1, **{column: forged})
        (finding,) = verify(engine, keys).findings
        assert finding.what == f"its column {column} was changed"
        change(engine, 1, **{column: told})
    with writing(engine) as connection:
        connection.execute(update(audit_marks).values(mark=f"program:{forged}"))
    assert verify(engine, keys).findings == (
        Finding("general", 2, "its marks were changed"),
    )


def test_A01_column_that_reaches_into_the_detail_is_named(
    engine: Engine, trail: Trail, keys: AuditKeys
) -> None:
    told = {"a": "b", "at": 7, "context": "z", "k": 1}
    trail.record(engine, Event("general", "chart.read", "A", context="C", detail=told))
    at = row(engine, 1)["at"]
    actor = f'A","at":{at},"context":"C","detail":{{"a":"b'
    change(engine, 1, actor=actor, at=7, context="z")
    (finding,) = verify(engine, keys).findings
    assert finding.what == "its column at was changed"


def test_chain_is_hmac_by_its_definition(keys: AuditKeys) -> None:
    inner, outer = keys.chain_pads[keys.current]
    for text in (b"", b"{}", bytes(1000)):
        twice = sha256(outer + sha256(inner + text).digest()).digest()
        assert twice == keys.chain(text, keys.current)


def test_A01_record_moved_to_another_tenant_is_named(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill()
    change(engine, 6, tenant="other", sequence=1)
    (finding,) = verify(engine, keys).findings
    assert (finding.tenant, finding.sequence) == ("other", 1)


def test_A02_deleted_record_is_named(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill()
    with writing(engine) as connection:
        connection.execute(delete(audit_events).where(audit_events.c.sequence == 3))
    assert verify(engine, keys).findings == (
        Finding("general", 3, "missing: the next record is number 4"),
    )


def test_A02_deleted_and_renumbered_record_is_named(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill()
    with writing(engine) as connection:
        connection.execute(delete(audit_events).where(audit_events.c.sequence == 3))
    for number in (4, 5, 6):
        change(engine, number, sequence=number - 1)
    assert verify(engine, keys).findings[0].sequence == 3


def test_A02_swapped_records_are_named(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill()
    for old, new in ((2, 99), (5, 2), (99, 5)):
        change(engine, old, sequence=new)
    assert verify(engine, keys).findings[0].sequence == 2


def test_A02_inserted_record_is_named(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill()
    forged = row(engine, 3)
    for number in (6, 5, 4, 3):
        change(engine, number, sequence=number + 1)
    with writing(engine) as connection:
        connection.execute(insert(audit_events).values(forged))
    assert verify(engine, keys).findings[0].sequence == 4


def test_A04_chain_made_anew_without_the_key_is_found(
    engine: Engine, fill: Fill, keys: AuditKeys, trail: Trail
) -> None:
    fill()
    with writing(engine) as connection:
        connection.execute(delete(audit_events).where(audit_events.c.sequence > 2))
    thief = Trail(AuditKeys([b"\x66" * 32]), trail.clock)
    for _ in range(4):
        thief.record(engine, Event("general", "chart.read"))
    (finding,) = verify(engine, keys).findings
    assert finding.sequence == 3
    own_key = AuditKeys([b"\x66" * 32]).current
    assert finding.what == f"its key {own_key} is not in the ring"
    change(engine, 3, key_id=keys.current)  # and a forged key id does not help
    assert verify(engine, keys).findings[0].what.startswith("changed")


def test_A06_chain_over_a_key_rotation_is_whole(
    engine: Engine, trail: Trail, keys: AuditKeys, fill: Fill
) -> None:
    fill(3)
    ring = AuditKeys([b"\x07" * 32, b"\x05" * 32])
    newer = Trail(ring, trail.clock)
    newer.record(engine, Event("general", "chart.read", patient="patient-canary-0"))
    assert verify(engine, ring).whole
    assert row(engine, 4)["key_id"] != row(engine, 3)["key_id"]
    names = ring.pseudonyms("general", "patient-canary-0")
    assert {row(engine, 1)["patient"], row(engine, 4)["patient"]} == set(names)
    assert newer.identity(row(engine, 1)) == "patient-canary-0"  # type: ignore[arg-type]
    (finding,) = verify(engine, AuditKeys([b"\x07" * 32])).findings
    assert finding.sequence == 1


def test_only_the_tenant_asked_for_is_read(
    engine: Engine, keys: AuditKeys, fill: Fill
) -> None:
    fill(2)
    fill(2, tenant="other")
    change(engine, 2, actor="x")
    verdict = verify(engine, keys, tenant="other")
    assert verdict.counts == {"other": 2}


@pytest.mark.slow
@pytest.mark.parametrize("number", [None, 2, 9, 15, 20], ids=str)
def test_chain_shared_among_processes_is_judged_alike(
    engine: Engine,
    keys: AuditKeys,
    fill: Fill,
    number: int | None,
) -> None:
    fill(20)
    if number is not None:
        change(engine, number, actor="x")
    alone = verify(engine, keys)
    assert verify(engine, keys, processes=3, share_from=10) == alone
    assert [one.sequence for one in alone.findings] == [number] * bool(number)
