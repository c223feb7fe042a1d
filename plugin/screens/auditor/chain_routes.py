"""The state of the chain: how long it is, when it was checked, what vouches for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from starlette.responses import RedirectResponse, Response

from plugin.audit.checkpoint import FILE_NAME, newest_checkpoints
from plugin.audit.entries import Entry, length, newest
from plugin.audit.errors import CheckpointBroken
from plugin.audit.retention import holds
from plugin.audit.sending import standings
from plugin.audit.verify import Verdict, verify
from plugin.house import House
from plugin.screens.auditor.gate import Change, Read, Reading, reviewers_router

router = reviewers_router()

# More than this is a matter of the command line: a browser does not wait so long.
MOST_CHECKED = 300_000
_one_at_a_time = Lock()


@router.get("/audit/at/{tenant}/chain")
def chain(reading: Read) -> Response:
    reading.note("audit.viewed", {"page": "chain"})
    return reading.draw("chain.html", "chain", _values(reading))


@router.post("/audit/at/{tenant}/chain")
def check(reading: Change) -> Response:
    """Read the whole chain now; what is found is recorded in it."""
    first, last = length(reading.house.engine, reading.tenant)
    # Who asks while another check runs sees what that one finds.
    if last - first < MOST_CHECKED and _one_at_a_time.acquire(blocking=False):
        try:
            outcome, detail = _checked(reading.house, reading.tenant)
        finally:
            _one_at_a_time.release()
        reading.note("audit.verified", {"outcome": outcome, **detail})
    return RedirectResponse(f"{reading.base}/chain", 303)


def _checked(house: House, tenant: str) -> tuple[str, dict[str, object]]:
    kept = house.settings.checkpoints
    keys = house.trail.keys
    try:
        file = Path(kept.directory) / FILE_NAME if kept else None
        checkpoints = newest_checkpoints(file, keys) if file else None
    except CheckpointBroken as error:
        return "broken", {"found": f"checkpoints: {error}"}
    verdict = verify(house.engine, keys, tenant=tenant, checkpoints=checkpoints)
    return _told(verdict, tenant)


def _told(verdict: Verdict, tenant: str) -> tuple[str, dict[str, object]]:
    detail: dict[str, object] = {"records": verdict.counts.get(tenant, 0)}
    for finding in verdict.findings:
        return "broken", detail | {"record": finding.sequence, "found": finding.what}
    return "whole", detail


def _values(reading: Reading) -> Mapping[str, object]:
    engine, words = reading.house.engine, reading.words
    first, last = length(engine, reading.tenant)
    checked = newest(engine, reading.tenant, "audit.verified")
    checkpoint = newest(engine, reading.tenant, "audit.checkpoint")
    held = len(holds(engine, reading.tenant))
    return {
        "entries": words.count("%(num)s record", "%(num)s records", last - first + 1),
        "whole": checked is not None and checked.detail.get("outcome") == "whole",
        "checked": _when(checked, reading),
        "found": str(checked.detail.get("found", "")) if checked else "",
        "checkpoint": _when(checkpoint, reading),
        "checkpoint_number": checkpoint.detail.get("number") if checkpoint else "",
        "since": words.number(last - checkpoint.sequence) if checkpoint else "",
        "kept_elsewhere": reading.house.settings.checkpoints is not None,
        "too_long": last - first >= MOST_CHECKED,
        "sent": _sent(reading),
        "holds": words.count("%(num)s legal hold", "%(num)s legal holds", held),
    }


def _sent(reading: Reading) -> str:
    """How far AuditEvents went to the repository; "" where none is set."""
    if reading.house.settings.audit_repository is None:
        return ""
    words = reading.words
    for one in standings(reading.house.engine, reading.tenant):
        return words.say(
            "AuditEvents were sent to the repository up to record %(through)s of "
            "%(newest)s; it refused %(refused)s.",
            through=words.number(one.through),
            newest=words.number(one.newest),
            refused=words.number(one.refused),
        )
    return words.say("No AuditEvent was sent to the repository yet.")


def _when(entry: Entry | None, reading: Reading) -> str:
    if entry is None:
        return ""
    words = reading.words
    return f"{words.full_date(entry.at)}, {entry.at.strftime('%H:%M')} UTC"
