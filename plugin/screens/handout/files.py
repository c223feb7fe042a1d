"""The hand-out as a file: PDF, calendar, text to send."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.screens.handout.view import Go, Paper
from plugin.screens.words import Words

if TYPE_CHECKING:
    from icalendar import Event

SHEET = Path(__file__).parent.parent / "static" / "paper.css"
# Where paper is Letter; elsewhere it is A4. Source: CLDR supplemental, paperSize.
LETTER = frozenset(
    {"BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"}
)


class NothingIsFetched(Exception):
    """The hand-out names something to load; it must hold everything itself."""


def paper_size(country: str) -> str:
    return "Letter" if country in LETTER else "A4"


def pdf_of(html: str, size: str) -> bytes:
    """The page as PDF. Nothing is fetched for it, from anywhere.

    Takes: `size`, Letter or A4.
    """
    from weasyprint import CSS, HTML  # noqa: PLC0415 - slow to load, seldom needed
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415

    class Refusing(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: object = None) -> object:
            raise FatalURLFetchingError from NothingIsFetched(url.split(":", 1)[0])

    refusing = Refusing()
    sheets = [
        CSS(string=SHEET.read_text(), url_fetcher=refusing),
        CSS(string=f"@page {{ size: {size} }}", url_fetcher=refusing),
    ]
    made = HTML(string=html, url_fetcher=refusing).write_pdf(stylesheets=sheets)
    assert isinstance(made, bytes)
    return made


def calendar_of(paper: Paper, words: Words, now: datetime) -> bytes:
    """The meetings as iCalendar, in UTC so that every telephone puts them right.

    Source: RFC 5545.
    """
    from icalendar import Calendar  # noqa: PLC0415 - slow to load, seldom needed

    calendar = Calendar()
    calendar.add("prodid", "-//selfhelp-referral//hand-out//EN")
    calendar.add("version", "2.0")
    for go in paper.steps:
        if go.starts is not None:
            calendar.add_component(_event(go, go.starts, words, now))
    made = calendar.to_ical()
    assert isinstance(made, bytes)
    return made


def _event(go: Go, starts: datetime, words: Words, now: datetime) -> Event:
    from icalendar import Event  # noqa: PLC0415

    event = Event()
    moment = f"{go.meeting_id} {starts.astimezone(UTC).isoformat()}"
    digest = hashlib.sha256(moment.encode()).hexdigest()[:32]
    event.add("uid", f"{digest}@selfhelp-referral")
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", starts.astimezone(UTC))
    event.add("duration", timedelta(minutes=go.minutes))
    event.add("summary", go.name or words.say("A meeting"))
    if go.where:
        event.add("location", go.where)
    if go.address:
        event.add("url", go.address)
    # Nothing of it is shown to others who share the calendar.
    event.add("class", "PRIVATE")
    return event


def text_of(paper: Paper, words: Words) -> str:
    """The same words as plain text, for a message that the clinician sends."""
    say = words.say
    lines = [say("Your next step: meet people who have been there"), ""]
    if paper.name:
        lines += [say("For %(name)s", name=paper.name), ""]
    if paper.about:
        lines += [say("What it is for: %(about)s.", about=paper.about), ""]
    for number, go in enumerate(paper.steps):
        lines.append(say("Go here first") if not number else say("Or try this one"))
        lines += [line for line in _going(go, words) if line]
        lines.append("")
    lines += [say("Keep taking your medicine"), *paper.medicine, paper.safety, ""]
    lines += [say("What to expect"), *(f"- {line}" for line in paper.first_time), ""]
    lines += [
        say("Then tell us how it went"),
        *(([paper.promise]) * bool(paper.promise)),
    ]
    lines += [say("Not for you? That is fine. We will find another."), ""]
    if paper.crisis:
        lines.append(say("If you feel unsafe, do not wait"))
        lines += [f"- {line.name}: {line.reach}" for line in paper.crisis]
    return "\n".join(lines).strip() + "\n"


def _going(go: Go, words: Words) -> list[str]:
    say = words.say
    return [
        go.when or say("No day is set yet. We can look for one together."),
        go.name,
        go.where,
        go.address,
        go.about,
        go.cost,
        say("Questions? Call %(phone)s. A first name is enough.", phone=go.phone)
        if go.phone
        else "",
        go.page,
        say("Invented for demonstration: this meeting does not exist.")
        if go.demo
        else "",
        say("The list of times is old. Call before you go.") if go.old else "",
    ]
