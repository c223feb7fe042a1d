"""What changes beside the app is found and recorded: settings, rules, meetings."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, insert, select

from plugin.audit.installation import Installation, parts_of
from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Trail
from plugin.store.audit_tables import audit_events
from plugin.store.directory_tables import feed_versions
from plugin.store.engine import reading, writing

PARTS = {"settings": b"a", "ehr:general": b"b", "knowledge": b"2026.11"}


@pytest.fixture
def installation(engine: Engine, trail: Trail) -> Installation:
    return Installation(engine, trail)


def told(engine: Engine, tenant: str = "-") -> list[dict[str, Any]]:
    rows = select(audit_events.c.canonical).where(audit_events.c.tenant == tenant)
    with reading(engine) as connection:
        found = connection.scalars(rows.order_by(audit_events.c.sequence))
        return [orjson.loads(one) for one in found]


def test_A09_first_settings_are_recorded_and_then_only_changes(
    engine: Engine, installation: Installation
) -> None:
    assert installation.note_settings(PARTS) == sorted(PARTS)
    assert installation.note_settings(PARTS) == []
    assert installation.note_settings(PARTS | {"ehr:general": b"c"}) == ["ehr:general"]
    assert [one["detail"]["changed"] for one in told(engine)] == [
        sorted(PARTS),
        ["ehr:general"],
    ]
    assert len(told(engine, "general")) == 2


def test_A09_removed_part_is_a_change(
    engine: Engine, installation: Installation
) -> None:
    installation.note_settings(PARTS)
    left = {name: PARTS[name] for name in ("settings", "knowledge")}
    assert installation.note_settings(left) == ["ehr:general"]
    assert installation.note_settings(left) == []


def test_A06_new_audit_key_is_no_change_of_settings(
    engine: Engine, installation: Installation, trail: Trail
) -> None:
    installation.note_settings(PARTS)
    ring = AuditKeys([b"\x07" * 32, b"\x05" * 32])
    newer = Installation(engine, Trail(ring, trail.clock))
    assert newer.note_settings(PARTS) == []


def test_A10_no_setting_stands_in_the_trail(
    engine: Engine, installation: Installation
) -> None:
    installation.note_settings({"settings": b"postgresql://user:password-canary@h"})
    assert "canary" not in repr(told(engine))


def test_A09_import_of_meetings_is_recorded_once(
    engine: Engine, installation: Installation
) -> None:
    row = {"feed": "aa", "started_at": 1, "finished_at": 2, "read": 9, "stored": 8}
    row |= {"meetings": 8, "rejected": 1}
    with writing(engine) as connection:
        for state in ("old", "live", "quarantined", "loading"):
            connection.execute(insert(feed_versions).values(row | {"state": state}))
    assert installation.note_directory() == 3
    assert installation.note_directory() == 0
    assert [(one["detail"]["feed"], one["outcome"]) for one in told(engine)] == [
        ("aa", "done"),
        ("aa", "done"),
        ("aa", "held"),
    ]


def test_A10_parts_of_the_settings_hold_no_secret(reviewed: Any) -> None:
    parts = parts_of(reviewed.house.settings, knowledge="2026.11")
    assert set(parts) == {"settings", "knowledge", "ehr:general", "ehr:epic"}
    assert b"a secret of the test" not in b"".join(parts.values())
