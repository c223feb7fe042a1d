"""Whatever is typed, fed or named: what leaves is valid, or nothing leaves."""

import base64
import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import fhirkit
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.fhir import InvalidResource, checked
from plugin.referral.resources import (
    document_reference,
    provenance,
    service_requests,
)
from plugin.referral.signed import Choice, ChosenMeeting, SignedReferral, Site
from plugin.referral.text import NOTE_LIMIT, clean_text, one_line

# No deadline: the first example loads the models.
wide = settings(max_examples=60, deadline=None)

ODD = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"]),
        st.sampled_from("\x00\r\n\t\u202e\ufeff\uffff\u2028\x85 <&\"'{}"),
    ),
    max_size=60,
)
LONG = st.integers(0, 3).map(lambda n: "long text " * (10**n))
TEXT = st.one_of(ODD, LONG)
OFFSET = st.integers(-14 * 4, 14 * 4).map(lambda n: timezone(timedelta(minutes=15 * n)))
MOMENT = st.datetimes(datetime(1990, 1, 2), datetime(2090, 1, 2), timezones=OFFSET)  # noqa: DTZ001

MEETING = st.builds(
    ChosenMeeting,
    id=st.just("m"),
    name=TEXT,
    starts=MOMENT,
    attendance=TEXT,
    where=TEXT,
)
CHOICE = st.builds(
    Choice,
    program=st.just("smart"),
    name=TEXT,
    meeting=st.none() | MEETING,
    reasons=st.tuples(TEXT),
    conditions=st.tuples(st.just("Condition/c1")),
    needs=st.tuples(st.just("alcohol")),
)
SIGNED = st.builds(
    SignedReferral,
    id=st.uuids().map(str),
    tenant=st.just("general"),
    patient=st.just("p-1"),
    encounter=st.none() | st.just("e-1"),
    author=st.just("Practitioner/1"),
    author_name=TEXT,
    choices=st.lists(CHOICE, min_size=1, max_size=2).map(tuple),
    note=TEXT,
    agreement=st.sampled_from(["named", "unnamed"]),
    acknowledged=st.just(()),
    signed_at=MOMENT,
    language=st.sampled_from(["en", "es", "en-GB"]),
    encounter_start=st.one_of(TEXT, MOMENT.map(datetime.isoformat)),
    encounter_end=st.one_of(TEXT, MOMENT.map(datetime.isoformat)),
    part2=st.booleans(),
    restricted=st.booleans(),
)
SITE = st.builds(Site, public_url=st.just("https://selfhelp.example"), name=TEXT)


def _written(signed: SignedReferral, site: Site) -> list[dict[str, Any]]:
    built = [*service_requests(signed, site), provenance(signed, site, ["Task/1"])]
    if clean_text(signed.note):
        built.append(document_reference(signed, site))
    return built


@wide
@given(signed=SIGNED, site=SITE)
def test_any_text_gives_a_valid_resource(signed: SignedReferral, site: Site) -> None:
    for resource in _written(signed, site):
        body = checked(resource)
        assert fhirkit.validate(body) == []
        assert orjson.loads(body) == resource


@wide
@given(signed=SIGNED)
def test_any_period_runs_forward(signed: SignedReferral) -> None:
    note = document_reference(
        dataclasses.replace(signed, note="Seen."), Site("https://x")
    )
    period = note["context"]["period"]
    start, end = map(datetime.fromisoformat, (period["start"], period["end"]))
    assert start <= end


@wide
@given(note=st.text(min_size=1))
def test_any_note_is_kept_but_for_what_no_record_holds(note: str) -> None:
    cleaned = clean_text(note)
    assert clean_text(cleaned) == cleaned
    kept = [c for c in cleaned if c.isalnum()]
    assert kept == [c for c in note if c.isalnum() and clean_text(c) == c]


@wide
@given(text=TEXT, limit=st.integers(2, 80))
def test_any_short_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    short = one_line(text, limit)
    assert len(short) <= limit
    assert "\n" not in short
    assert short == short.strip()


@wide
@given(body=st.binary(max_size=40))
def test_any_bytes_survive_as_base64(body: bytes) -> None:
    text = clean_text(body.decode("latin-1")) or "Seen."
    signed = SignedReferral(
        id="0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11",
        tenant="t",
        patient="p",
        encounter=None,
        author="Practitioner/1",
        author_name="",
        choices=(),
        note=text,
        agreement="named",
        acknowledged=(),
        signed_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    note = document_reference(signed, Site("https://x"))
    data = note["content"][0]["attachment"]["data"]
    assert base64.b64decode(data, validate=True).decode() == text


@wide
@given(extra=st.integers(1, 1000))
def test_a_note_that_is_too_long_is_refused_and_never_cut(extra: int) -> None:
    signed = SignedReferral(
        id="0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11",
        tenant="t",
        patient="p",
        encounter=None,
        author="Practitioner/1",
        author_name="",
        choices=(),
        note="a" * (NOTE_LIMIT + extra),
        agreement="named",
        acknowledged=(),
        signed_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    try:
        document_reference(signed, Site("https://x"))
    except InvalidResource:
        return
    raise AssertionError("a long note was taken")
