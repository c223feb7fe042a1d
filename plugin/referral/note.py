"""The note's draft: what a clinician would sign, in plain prose, editable afterwards.

Two forms. The named one says which groups, which reasons and what was done about the
warnings. The unnamed one says that a support group was discussed, and nothing from
which a group, a reason or a meeting could be told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from plugin.directory.meeting import Occurrence
from plugin.matching.active_referral import agreed_referral
from plugin.matching.recommendation import Need, Recommendation, Recommended
from plugin.referral import labels
from plugin.referral.phrases import phrase
from plugin.referral.signed import (
    Acknowledgement,
    Agreement,
    Choice,
    ChosenMeeting,
)
from plugin.referral.text import clean_text, one_line

Withdrawal = Literal["low", "plan", "not_asked"]
Interpreter = Literal["used", "needed", "not_needed"]

_LINE: Final = 300
# Clinicians read ICD codes; other codes say nothing to them.
_ICD: Final = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
# Violence: nothing of it stands in a note that a proxy may read.
RESTRICTED_WARNINGS: Final = frozenset({"S11"})


@dataclass(frozen=True, slots=True)
class NoteSettings:
    """What the site and the EHR say about the note."""

    locale: str = "en_US"  # of dates and times
    language: str = "en"
    carries_referral: bool = False  # no order can be written: the note is the referral
    part2: bool = False  # the record falls under 42 CFR Part 2
    part2_consent: str = ""


def choice_of(recommended: Recommended, meeting: Occurrence | None) -> Choice:
    """A programme and its meeting as they are shown now, to be frozen at signing."""
    lines = dict.fromkeys(because.resource for because in recommended.because)
    return Choice(
        program=recommended.id,
        name=recommended.name,
        meeting=None if meeting is None else _chosen(meeting),
        reasons=recommended.reasons,
        conditions=tuple(line for line in lines if line.startswith("Condition/")),
        needs=recommended.needs,
    )


def draft_note(
    recommendation: Recommendation,
    choices: Sequence[Choice],
    agreement: Agreement,
    *,
    on: date,
    settings: NoteSettings | None = None,
    acknowledged: Sequence[Acknowledgement] = (),
    withdrawal: Withdrawal | None = None,
    follow_up: date | None = None,
    interpreter: Interpreter | None = None,
) -> str:
    """Draft the note of a referral.

    Takes:  the recommendation as shown, one or two choices, what the patient agreed
            to, the clinic's own date, what was done about each warning, the answer
            about withdrawal (None where no rule asks), the date of the next contact,
            whether an interpreter is needed or was used (None where not known).
    Gives:  plain text; lines are separated by LF.
    """
    chosen_settings = settings or NoteSettings()
    draft = _Draft(chosen_settings, on)
    dates = tuple(a.follow_up for a in acknowledged if a.follow_up is not None)
    contact = follow_up or (min(dates) if dates else None)
    if agreement == "named":
        blocks = [
            draft.opening(named=True),
            draft.reasons(recommendation, choices),
            draft.choices(choices),
            draft.plan(recommendation, choices),
            draft.risk(recommendation, acknowledged, withdrawal),
            draft.closing(contact, interpreter, named=True),
        ]
    else:
        blocks = [
            draft.opening(named=False),
            draft.reviews(recommendation),
            draft.risk(recommendation, (), None),
            draft.closing(contact, interpreter, named=False),
        ]
    return clean_text("\n\n".join("\n".join(b) for b in blocks if b))


@dataclass(frozen=True, slots=True)
class _Draft:
    settings: NoteSettings
    on: date

    def opening(self, *, named: bool) -> list[str]:
        suffix = "" if named else ".unnamed"
        lines = [
            self._say(f"heading{suffix}", date=self._day(self.on)),
            self._say(f"beside{suffix}"),
        ]
        if self.settings.carries_referral:
            lines.append(self._say("carried"))
        return lines

    def reasons(
        self, recommendation: Recommendation, choices: Sequence[Choice]
    ) -> list[str]:
        wanted = {need for choice in choices for need in choice.needs}
        lines = dict.fromkeys(
            line
            for need in recommendation.needs
            if need.id in wanted
            for line in _reasons_of(need)
        )
        return [self._say("reasons", reasons="; ".join(lines))] if lines else []

    def choices(self, choices: Sequence[Choice]) -> list[str]:
        lines = [self._say("chosen.one" if len(choices) == 1 else "chosen.two")]
        for number, choice in enumerate(choices, start=1):
            lines.append(self._choice(number, choice))
        return lines

    def plan(
        self, recommendation: Recommendation, choices: Sequence[Choice]
    ) -> list[str]:
        """Who does what by when; the day of a meeting is the chosen one's own."""
        met = [c.meeting.starts.date() for c in choices if c.meeting is not None]
        first = min(met, default=None)
        agreed = agreed_referral(recommendation.plan, self.on, first, sponsors=False)
        due = {step.id: step.due for step in agreed.steps}
        lines = [self._say("plan")]
        if due["first_meeting"] is None:
            lines.append(self._say("plan.wait"))
        else:
            lines.append(self._say("plan.call"))
            key = "plan.first.open" if first is None else "plan.first"
            lines.append(self._say(key, day=self._when(due, "first_meeting")))
            lines.append(self._say("plan.sample", day=self._when(due, "journal")))
        lines.append(self._say("plan.medicines"))
        lines.append(self._say("plan.week", day=self._when(due, "review_week")))
        if recommendation.plan.contact == "safe":
            lines.append(self._say("plan.safe"))
        month, quarter = (
            self._when(due, s) for s in ("review_month", "review_quarter")
        )
        return [*lines, self._say("plan.review", month=month, quarter=quarter)]

    def reviews(self, recommendation: Recommendation) -> list[str]:
        """When it is looked at again: no day from which a meeting could be told."""
        if recommendation.plan.contact == "safe":
            return []  # who lives with the patient may read it: no word of contact
        return [self._say("plan.unnamed")]

    def _when(self, due: Mapping[str, date | None], step: str) -> str:
        day = due[step]
        return "" if day is None else self._day(day)

    def risk(
        self,
        recommendation: Recommendation,
        acknowledged: Sequence[Acknowledgement],
        withdrawal: Withdrawal | None,
    ) -> list[str]:
        lines = [self._say("risk")]
        done = list(self._warnings(recommendation, acknowledged))
        if done:
            lines += [self._say("warnings"), *done]
        if withdrawal is not None:
            lines.append(self._say(f"withdrawal.{withdrawal}"))
        return lines

    def closing(
        self, contact: date | None, interpreter: Interpreter | None, *, named: bool
    ) -> list[str]:
        lines = []
        if contact is not None:
            lines.append(self._say("follow_up", date=self._day(contact)))
        if interpreter in ("used", "needed"):
            lines.append(self._say(f"interpreter.{interpreter}"))
        lines.append(self._say("agreement.named" if named else "agreement.unnamed"))
        if named and self.settings.part2:
            consent = self.settings.part2_consent
            if consent:
                lines.append(self._say("consent", reference=one_line(consent, _LINE)))
            lines.append(labels.PART2_NOTICE)
        return lines

    def _warnings(
        self, recommendation: Recommendation, acknowledged: Sequence[Acknowledgement]
    ) -> Iterator[str]:
        titles = {warning.id: warning.title for warning in recommendation.warnings}
        for answer in acknowledged:
            text = clean_text(answer.text)
            if text and answer.warning not in RESTRICTED_WARNINGS:
                title = one_line(titles.get(answer.warning, ""), _LINE)
                yield self._say("warning", title=title or answer.warning, text=text)

    def _choice(self, number: int, choice: Choice) -> str:
        program = one_line(choice.name, _LINE) or choice.program
        meeting = choice.meeting
        if meeting is None:
            return self._say("choice.open", number=str(number), program=program)
        where = one_line(meeting.where, _LINE)
        return self._say(
            "choice.meeting" if where else "choice.meeting.nowhere",
            number=str(number),
            program=program,
            when=self._time(meeting.starts),
            how=self._how(meeting.attendance),
            where=where,
        ).rstrip()

    def _how(self, attendance: str) -> str:
        known = attendance in ("in-person", "online", "hybrid")
        return self._say(attendance) if known else one_line(attendance, _LINE)

    def _say(self, key: str, **values: str) -> str:
        words = phrase(key, self.settings.language)
        return words.format_map(values) if values else words

    def _day(self, day: date) -> str:
        from babel.dates import format_date  # noqa: PLC0415 - slow to load

        return format_date(day, "medium", locale=self.settings.locale)

    def _time(self, moment: datetime) -> str:
        """The meeting's own clock: its offset stands in `moment`."""
        from babel.dates import format_date, format_time  # noqa: PLC0415

        locale = self.settings.locale
        day = format_date(moment.date(), "EEE, " + _medium(locale), locale=locale)
        return f"{day}, {format_time(moment.timetz(), 'short', locale=locale)}"


def _medium(locale: str) -> str:
    from babel import Locale  # noqa: PLC0415

    return str(Locale.parse(locale).date_formats["medium"].pattern)


def _reasons_of(need: Need) -> Iterator[str]:
    """The chart's own words for a need, with their ICD code; else the need's name."""
    conditions = [b for b in need.sure_lines if b.resource.startswith("Condition/")]
    if not conditions:
        yield one_line(need.name, _LINE)
    for because in conditions:
        words = one_line(because.display, _LINE) or one_line(need.name, _LINE)
        coded = _ICD.fullmatch(because.code) is not None
        yield f"{words} ({because.code})" if coded else words


def _chosen(meeting: Occurrence) -> ChosenMeeting:
    where = ", ".join(part for part in (meeting.venue, meeting.address) if part)
    return ChosenMeeting(
        id=meeting.id,
        name=meeting.name,
        starts=meeting.starts,
        attendance=meeting.attendance,
        where=where if meeting.attendance != "online" else "",
    )
