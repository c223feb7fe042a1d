"""One record, who its patient is, and the whole story of one referral."""

from __future__ import annotations

import re

from starlette.responses import Response

from plugin.audit.entries import Entry, one, story
from plugin.audit.errors import NotYours
from plugin.audit.removed import ERASED
from plugin.screens.auditor.gate import Change, Read, Reading, reviewers_router
from plugin.screens.auditor.telling import line
from plugin.screens.posted import Form
from smart_launch.errors import SealBroken

router = reviewers_router()

_REFERRAL = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_REASON = 500


@router.get("/audit/at/{tenant}/records/{sequence}")
def record(reading: Read, sequence: int) -> Response:
    entry = _entry(reading, sequence)
    reading.note("audit.viewed", {"page": "record", "record": sequence})
    return _page(reading, entry)


@router.post("/audit/at/{tenant}/records/{sequence}/identity")
def identity(reading: Change, form: Form, sequence: int) -> Response:
    """Who the patient is: for auditors, with a reason, recorded before it is told."""
    entry = _entry(reading, sequence)
    if not reading.reviewer.may_see_identities:
        raise NotYours("only an auditor may see who a patient is")
    reason = form.one("reason").strip()[:_LONGEST_REASON]
    if not reason:
        return _page(reading, entry, asked=True, status=422)
    patient = _identity(reading, entry)
    detail = {"record": sequence, "reason": reason}
    reading.note("audit.identity_shown", detail, patient)
    return _page(reading, entry, patient=patient)


@router.get("/audit/at/{tenant}/referrals/{referral}")
def referral(reading: Read, referral: str) -> Response:
    """All that was recorded of one referral, in the order in which it happened."""
    if _REFERRAL.fullmatch(referral) is None:
        raise NotYours("no referral has such an id")
    entries = story(reading.house.engine, reading.tenant, referral)
    if not entries:
        raise NotYours("the trail knows no such referral")
    number = reading.note("audit.viewed", {"page": "referral", "referral": referral})
    words = reading.words
    signed = next((e for e in entries if e.kind == "referral.signed"), entries[0])
    values = {
        "referral": referral,
        "signed": line(signed, words),
        "lines": [line(entry, words) for entry in entries],
        "recorded": words.say(
            "Opening this page was record %(number)s.", number=words.number(number)
        ),
    }
    return reading.draw("story.html", "records", values)


def _entry(reading: Reading, sequence: int) -> Entry:
    found = None
    if 0 < sequence < 2**63:
        found = one(reading.house.engine, reading.tenant, sequence)
    if found is None:
        raise NotYours("the trail has no such record")
    return found


def _identity(reading: Reading, entry: Entry) -> str:
    try:
        return reading.house.trail.identity(entry.place)
    except SealBroken:
        raise NotYours("the identity does not open: the record was changed") from None


def _page(
    reading: Reading,
    entry: Entry,
    *,
    patient: str = "",
    asked: bool = False,
    status: int = 200,
) -> Response:
    values = {
        "line": line(entry, reading.words),
        "erased": entry.kind != ERASED and entry.detail.get("erased") is True,
        "may_identify": entry.sealed is not None
        and reading.reviewer.may_see_identities,
        "patient": patient,
        "asked": asked,
    }
    return reading.draw("record.html", "records", values, status)
