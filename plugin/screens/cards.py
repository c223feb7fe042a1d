"""One recommended programme as it stands on the screen: words only, no numbers.

Fit is said in words, with its parts; the figures stay in the JSON, because the weights
behind them are not validated and two decimals would claim that they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import Feature, Recommended
from plugin.screens.draft import Draft
from plugin.screens.meeting_times import own_start, zones
from plugin.screens.words import Words

# A feed older than this may be wrong: the patient phones first.
OLD_FEED = timedelta(days=30)
SHOWN_TAGS = 3
# How the reasons begin that a card shows in a form of its own, in every language.
NEXT_MEETING = "Next meeting"
EVIDENCE = "Evidence"


@dataclass(frozen=True, slots=True)
class MeetingLine:
    id: str
    when: str
    where: str
    tags: str
    demo: bool
    old: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the fit, and how much of it is met."""

    text: str
    level: str


@dataclass(frozen=True, slots=True)
class Card:
    id: str
    name: str
    approach: str
    deferred: bool
    why: str
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    grade: str
    evidence_line: str
    evidence_note: str
    citations: tuple[str, ...]
    fit: str
    fit_words: str
    parts: tuple[Part, ...]
    meetings: tuple[MeetingLine, ...]
    meeting: MeetingLine | None  # the one that is chosen, or the next
    meeting_id: str
    sources: tuple[str, ...]
    phone_first: bool
    finder_url: str
    more_words: str
    picked: bool
    order: int  # 1 or 2 where picked, else 0


def card(
    program: Recommended,
    draft: Draft,
    words: Words,
    now: datetime,
) -> Card:
    meetings = tuple(meeting_line(m, words, now) for m in program.meetings)
    chosen_id = draft.meetings.get(program.id)
    if chosen_id is None:
        chosen_id = meetings[0].id if meetings else ""
    chosen = next((m for m in meetings if m.id == chosen_id), None)
    picked = program.id in draft.picks
    return Card(
        id=program.id,
        name=program.name,
        approach=_sentence(", ".join(words.say(name) for name in program.approach)),
        deferred=program.deferred,
        why=_why(program, words),
        reasons=tuple(
            r for r in program.reasons if not r.startswith(words.say(NEXT_MEETING))
        ),
        cautions=program.cautions,
        grade=program.evidence.grade or "",
        evidence_line=_short_evidence(program, words),
        evidence_note=program.evidence.note,
        citations=program.evidence.references,
        fit=program.fit,
        fit_words=fit_words(program.fit, words),
        parts=tuple(_part(f, words) for f in program.features),
        meetings=meetings,
        meeting=chosen or (meetings[0] if meetings else None),
        meeting_id=chosen_id if chosen else "",
        sources=_sources(program.meetings, words),
        phone_first=any(m.old for m in meetings),
        finder_url=program.finder_url,
        more_words=_more_words(len(meetings), words),
        picked=picked,
        order=draft.picks.index(program.id) + 1 if picked else 0,
    )


def fit_words(fit: str, words: Words) -> str:
    return {
        "strong": words.say("Strong fit"),
        "good": words.say("Good fit"),
        "fair": words.say("Fair fit"),
    }[fit]


def meeting_line(meeting: Occurrence, words: Words, now: datetime) -> MeetingLine:
    """Takes: `now` by the clinic's clock, in UTC where that is not known."""
    home = now.tzinfo
    own = own_start(meeting.starts, meeting.attendance, home)
    zone = zones(meeting.starts, meeting.attendance, meeting.timezone, home, words)
    when = f"{words.when(own, now)}{zone}"
    return MeetingLine(
        id=meeting.id,
        when=when,
        where=where_words(meeting, words),
        tags=", ".join(words.say(tag) for tag in meeting.tags[:SHOWN_TAGS]),
        demo=meeting.demo,
        old=meeting.feed_fetched is not None and now - meeting.feed_fetched > OLD_FEED,
    )


def where_words(meeting: Occurrence, words: Words) -> str:
    """In person, 0.6 mi. Quay Street Hall: the parts that are known, in that order."""
    way = {
        "in-person": words.say("In person"),
        "online": words.say("Online"),
        "hybrid": words.say("In person or online"),
    }[meeting.attendance]
    if meeting.km is not None:
        way = f"{way}, {words.distance(meeting.km)}"
    if meeting.attendance == "online":
        return way
    place = ", ".join(part for part in (meeting.venue, meeting.address) if part)
    if meeting.precision == "approximate":
        place = words.say("%(place)s (about here: ask)", place=place or meeting.name)
    return f"{way}. {place}" if place else way


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _part(feature: Feature, words: Words) -> Part:
    if not feature.known:
        return Part(feature.text, words.say("not known"))
    if feature.value >= 0.75:
        level = words.say("well met")
    elif feature.value >= 0.4:
        level = words.say("partly met")
    else:
        level = words.say("little met")
    return Part(feature.text, level)


def _why(program: Recommended, words: Words) -> str:
    """What speaks for it, in two sentences: the evidence and the time stand apart."""
    apart = (words.say(NEXT_MEETING), words.say(EVIDENCE))
    lines = [r for r in program.reasons if not r.startswith(apart)]
    return " ".join(lines[:2])


def _short_evidence(program: Recommended, words: Words) -> str:
    """The first author and year of the best study, as a reader would say it."""
    if not program.evidence.grade:
        return words.say("Evidence not known")
    if not program.evidence.references:
        return words.say("no outcome study known")
    first = program.evidence.references[0]
    author = first.split(" ", 1)[0].rstrip(",.;")
    year = next((w for w in _years(first)), "")
    return f"{author} {year}".strip()


def _years(text: str) -> list[str]:
    cleaned = "".join(c if c.isdigit() else " " for c in text)
    return [w for w in cleaned.split() if len(w) == 4 and w[:2] in {"19", "20"}]


def _sources(meetings: Sequence[Occurrence], words: Words) -> tuple[str, ...]:
    """Where the times come from and how old they are, once for each feed."""
    lines: dict[str, str] = {}
    for meeting in meetings:
        if meeting.demo:
            lines[meeting.feed] = words.say("Invented for demonstration")
        elif meeting.feed_fetched is not None:
            lines[meeting.feed] = words.say(
                "List %(feed)s of %(date)s",
                feed=meeting.feed,
                date=words.full_date(meeting.feed_fetched),
            )
    return tuple(dict.fromkeys(lines.values()))


def _more_words(times: int, words: Words) -> str:
    if not times:
        return words.say("Evidence and cautions")
    return words.count(
        "Evidence, cautions, %(num)s time", "Evidence, cautions, %(num)s times", times
    )
