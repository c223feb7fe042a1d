"""The trail's records as AuditEvents, in another house's judgement."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from plugin.audit.balp import PATTERNS, Site, audit_event_lines, audit_events
from plugin.audit.entries import Entry
from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Trail
from plugin.fhir import checked

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Problems = Callable[[Json], list[tuple[str, str]]]

SITE = Site("https://selfhelp.example.org", "general", "https://fhir.example/r4")
DETAILS: dict[str, Json] = {
    "chart.read": {"could_not_check": ["Consent"], "versions": {"Condition/1": "4"}},
    "write.written": {"reference": "ServiceRequest/sr-9", "identifier": "r-1.1"},
    "write.refused": {"reference": "", "identifier": "r-1"},
    "handout.given": {"referral": "0b9d2c1e", "form": "pdf"},
    "audit.identity_shown": {"record": 7, "reason": "a complaint"},
}


def entry(kind: str, **values: Any) -> Entry:
    given: Json = {
        "tenant": "general",
        "sequence": 7,
        "kind": kind,
        "at": datetime(2026, 3, 2, 15, 27, 4, 250_000, tzinfo=UTC),
        "actor": "Practitioner/lindqvist",
        "patient": "a" * 24,
        "context": "ctx",
        "outcome": "server_error",
        "detail": DETAILS[kind],
    }
    return Entry(**(given | values))


def made() -> Iterator[tuple[str, Json]]:
    for kind in PATTERNS:
        for event in audit_events(entry(kind), "t-00417", SITE):
            yield kind, event


def test_A16_every_audit_event_keeps_the_profile(problems: Problems) -> None:
    kinds = set()
    for kind, event in made():
        kinds.add(kind)
        assert problems(event) == [], kind
        checked(event)
    assert kinds == set(DETAILS) == set(PATTERNS)


@pytest.mark.parametrize(
    ("values", "patient"),
    [
        pytest.param({"actor": "worker"}, "t-1", id="worker"),
        pytest.param({"actor": "", "detail": {}}, "t-1", id="little-known"),
        pytest.param({"detail": {"erased": True}}, "", id="A15-erased"),
    ],
)
def test_A16_audit_event_of_little_keeps_the_profile(
    problems: Problems, values: Json, patient: str
) -> None:
    for kind in PATTERNS:
        for event in audit_events(entry(kind, **values), patient, SITE):
            assert problems(event) == [], kind


def test_A16_judge_sees_a_missing_patient(problems: Problems) -> None:
    (event,) = audit_events(entry("handout.given"), "t-1", SITE)
    event["entity"] = event["entity"][1:]
    assert problems(event)
    event = audit_events(entry("chart.read"), "t-1", SITE)[0]
    event["type"] = {"system": "http://x.example", "code": "other"}
    assert problems(event)


# What BALP asks of each pattern, beside what our profile does.
# Source: IHE ITI.BasicAudit, PatientRead.fsh, PatientQuery.fsh, PatientCreate.fsh,
# Disclose.fsh: action, and the role of the app (first agent) and of the other side.
BALP = {
    "PatientRead": ("R", "read", "110152", "110153"),
    "PatientQuery": ("E", "search-type", "110153", "110152"),
    "PatientCreate": ("C", "create", "110153", "110152"),
    "PrivacyDisclosure.Source": ("R", "disclose", "110153", "110152"),
}


def test_A16_each_pattern_has_the_elements_of_balp() -> None:
    seen = set()
    for _, event in made():
        pattern = event["meta"]["profile"][1].split("IHE.BasicAudit.")[1]
        seen.add(pattern)
        action, subtype, app, other = BALP[pattern]
        assert (event["action"], event["subtype"][0]["code"]) == (action, subtype)
        roles = [agent["type"]["coding"][0]["code"] for agent in event["agent"]]
        assert roles == [app, other, "IRCP"]
        assert all("network" in agent for agent in event["agent"][:2])
        assert "network" not in event["agent"][2]
        kinds = [one["type"]["code"] for one in event["entity"]]
        assert kinds == ["1", "2"]
        observer = event["source"]["observer"]
        assert event["agent"][0]["who"] == observer
    assert seen == set(BALP)


def test_A16_query_is_told_raw_and_its_failure_as_one() -> None:
    events = audit_events(entry("chart.read"), "t-1", SITE)[1:]
    said = {
        base64.b64decode(e["entity"][1]["query"]).decode(): e["outcome"] for e in events
    }
    assert said["Condition?patient=t-1"] == "0"
    assert said["Consent?patient=t-1"] == "8"
    assert len(said) == 7


def test_A16_queries_are_those_that_were_made() -> None:
    searches = ["Consent?_count=200", "Condition?_count=200&category=x"]
    detail = {"could_not_check": ["Consent"], "searches": searches}
    events = audit_events(entry("chart.read", detail=detail), "t-1", SITE)[1:]
    said = {
        base64.b64decode(e["entity"][1]["query"]).decode(): e["outcome"] for e in events
    }
    assert said == {
        "Consent?patient=t-1&_count=200": "8",
        "Condition?patient=t-1&_count=200&category=x": "0",
    }


def test_same_record_has_the_same_ids_at_every_export() -> None:
    first, again = [[e["id"] for _, e in made()] for _ in range(2)]
    assert first == again
    kept = [e["id"] for e in audit_events(entry("chart.read"), "t-1", SITE)]
    assert len(set(kept)) == len(kept)


def test_lines_hold_the_patient_events_alone() -> None:
    trail = Trail(AuditKeys([b"\5" * 32]), lambda: datetime.now(UTC))
    entries = [
        entry("handout.given"),
        Entry(
            tenant="general",
            sequence=8,
            kind="audit.checkpoint",
            at=datetime.now(UTC),
            actor="",
            patient="",
            context="",
            outcome="done",
            detail={"number": 1},
        ),
    ]
    made = audit_event_lines(trail, entries, SITE, lambda _context: "")
    lines = [orjson.loads(line) for line in made]
    assert [one["resourceType"] for one in lines] == ["AuditEvent"]


def test_worker_writes_for_the_clinician_whose_launch_it_was() -> None:
    trail = Trail(AuditKeys([b"\5" * 32]), lambda: datetime.now(UTC))
    by = {"ctx": "Practitioner/lindqvist"}.get
    entries = [entry("write.written", actor="worker")]
    (line,) = audit_event_lines(trail, entries, SITE, lambda one: by(one) or "")
    user = orjson.loads(line)["agent"][2]
    assert user["who"] == {"reference": "Practitioner/lindqvist"}
