"""What the second screen shows: the choices, the note, what will be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from plugin.knowledge.texts import Texts
from plugin.matching.active_referral import agreed_referral, has_sponsors
from plugin.matching.recommendation import Recommendation
from plugin.referral.consents import NO_CONSENT, Part2Consent
from plugin.referral.disclosure import (
    Disclosure,
    Part2Setting,
    ProxyAccess,
    disclosure,
)
from plugin.referral.note import (
    Interpreter,
    NoteSettings,
    choice_of,
    draft_note,
)
from plugin.referral.plan import REASONS, WritePlan
from plugin.referral.signed import Acknowledgement, Agreement, Choice
from plugin.screens.cards import card
from plugin.screens.draft import Draft
from plugin.screens.meeting_times import own_start
from plugin.screens.plan_view import PlanView
from plugin.screens.texts.guide_view import guide_note
from plugin.screens.warning_lines import CrisisLines, WarningBoxes
from plugin.screens.words import Words

NO_PROVENANCE = REASONS["no_provenance"]
# Why a patient says not now: codes that counts are kept by.
DECLINE_REASONS = (
    "not_interested",
    "not_ready",
    "bad_experience",
    "time",
    "travel",
    "privacy",
    "other",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps Sign from being accepted; `at` is the id of what to answer."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    kind: str  # will | not
    word: str
    why: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SignView:
    """`now` is by the clinic's clock; `part2` is the site's setting, `consent` what the
    chart's written consents say of it.
    """

    words: Words
    crisis: CrisisLines
    now: datetime
    part2: Part2Setting
    consent: Part2Consent = NO_CONSENT
    interpreter: Interpreter | None = None
    texts: Texts | None = None  # the guides, whose summaries go into the note
    proxy: ProxyAccess = "minors"

    def values(
        self,
        shown: Recommendation,
        draft: Draft,
        plan: WritePlan,
        *,
        missing: Mapping[str, str],
        already: Sequence[str],
    ) -> dict[str, object]:
        """Everything but the frame.

        Takes: `already`, a line for each referral that stands already.
        """
        notes = {a: self.note(shown, draft, plan, a) for a in ("named", "unnamed")}
        may_tell = self._may_tell(shown, draft)
        offered = notes["unnamed" if draft.agreement == "unnamed" else "named"]
        boxes = WarningBoxes(self.words, self.crisis, self.now.date())
        say = self.words.say
        return {
            "key": draft.key,
            "already": already,
            "choices": [
                card(found, draft, self.words, self.now)
                for p in draft.picks
                if (found := shown.program(p)) is not None
            ],
            "red_warnings": boxes.of(
                [w for w in shown.warnings if w.needs_answer], draft.answers, missing
            ),
            "can_write": plan.note,
            "agreement": draft.agreement,
            "agreement_words": self._agreement_words(may_tell),
            "may_name": may_tell.agreement == "named",
            "named_words": say("In the orders and the note.")
            if plan.service_request
            else say("In the note."),
            "reasons": [("", say("not stated")), *self._decline_reasons()],
            "note": offered if draft.note is None else draft.note,
            "note_named": notes["named"],
            "note_unnamed": notes["unnamed"],
            "write_to": say("In the record system that opened this app.")
            if plan.note
            else "",
            "parts": self._parts(shown, draft, plan),
            "effects": self._effects(plan),
            **self._plan(shown, draft),
        }

    def _plan(self, shown: Recommendation, draft: Draft) -> dict[str, object]:
        """Who does what by when, by the groups and the meeting that stand chosen."""
        if self.texts is None or not draft.picks:
            return {"plan_lines": []}
        chosen = [c for p in draft.picks if (c := shown.program(p)) is not None]
        met = [self._by_our_clock(c).meeting for c in choices_of(shown, draft)]
        days = [m.starts.date() for m in met if m is not None]
        agreed = agreed_referral(
            shown.plan,
            self.now.date(),
            min(days, default=None),
            sponsors=has_sponsors(chosen),
        )
        texts = self.texts.linkage(self.words.language)
        return PlanView(self.words, texts, self.texts.knowledge).values(agreed)

    def note(
        self,
        shown: Recommendation,
        draft: Draft,
        plan: WritePlan,
        agreement: str,
    ) -> str:
        """The drafted note for what the patient may agree to."""
        asks = any(w.asks_withdrawal for w in shown.warnings)
        text = draft_note(
            shown,
            [self._by_our_clock(one) for one in choices_of(shown, draft)],
            _agreement(agreement),
            on=self.now.date(),
            settings=NoteSettings(
                locale=str(self.words.locale),
                language=self.words.language,
                carries_referral=plan.carries_referral_in_note,
                part2=self._may_tell(shown, draft).part2,
                part2_consent=self._may_tell(shown, draft).consent,
            ),
            interpreter=self.interpreter,
            acknowledged=acknowledgements(shown, draft),
            withdrawal=draft.withdrawal if asks else None,
        )
        if agreement != "named":
            return text
        return "\n".join((text, *self._sessions(shown, draft)))

    def _sessions(self, shown: Recommendation, draft: Draft) -> list[str]:
        """What was offered or done in the visit itself: only where it may be named."""
        lines = []
        names = [s.name for s in shown.single_sessions if s.id in draft.sessions]
        if names:
            said = "; ".join(names)
            lines.append(self.words.say("Single session: %(names)s.", names=said))
        if self.texts is not None:
            lines += guide_note(self.texts, self.words.language, draft.guides)
        return lines

    def _by_our_clock(self, choice: Choice) -> Choice:
        """The note says when an online meeting is here, not where it is held."""
        met = choice.meeting
        if met is None:
            return choice
        starts = own_start(met.starts, met.attendance, self.now.tzinfo)
        return replace(choice, meeting=replace(met, starts=starts))

    def _may_tell(self, shown: Recommendation, draft: Draft) -> Disclosure:
        return disclosure(
            shown,
            choices_of(shown, draft),
            "named",
            part2=self.part2,
            consent=self.consent,
            proxy=self.proxy,
        )

    def _agreement_words(self, may_tell: Disclosure) -> str:
        say = self.words.say
        if may_tell.withheld_for:
            reasons = " ".join(say(reason) for reason in may_tell.withheld_for)
            return say("Names are withheld here. %(reasons)s", reasons=reasons)
        if may_tell.part2:
            return say(
                "The patient decides what is written. 42 CFR Part 2 may apply; a tick "
                "here is no written consent."
            )
        return say("The patient decides what is written.")

    def _decline_reasons(self) -> list[tuple[str, str]]:
        say = self.words.say
        texts = (
            say("Not interested"),
            say("Not ready yet"),
            say("Bad experience with groups"),
            say("Time"),
            say("Travel"),
            say("Privacy"),
            say("Something else"),
        )
        return list(zip(DECLINE_REASONS, texts, strict=True))

    def _parts(
        self, shown: Recommendation, draft: Draft, plan: WritePlan
    ) -> list[Part]:
        say, number = self.words.say, len(draft.picks)
        why = [say(reason) for reason in plan.reasons]
        orders = self.words.count("%(num)s order", "%(num)s orders", max(number, 1))
        kept = Part(
            say("Audit entry"),
            "not",
            say("Kept here"),
            say("Our own trail keeps who signed what, and when."),
        )
        if not plan.note and not plan.service_request:
            reason = " ".join(dict.fromkeys(why))
            name = say("Orders and note")
            return [Part(name, "not", say("Not written"), reason), kept]
        parts = [
            self._part(
                orders,
                plan.service_request,
                say("A ServiceRequest for each group."),
                why[0] if why else "",
                facts=self._facts(shown, draft),
            ),
            self._part(
                say("Note"),
                plan.note,
                say("One DocumentReference for all, as text."),
                why[0] if why else "",
            ),
        ]
        if plan.note:
            parts.append(
                self._part(
                    say("Signature"),
                    plan.provenance,
                    say("A Provenance that names you and this app."),
                    say(NO_PROVENANCE),
                )
            )
        if plan.task:
            does = say("A Task: ask in a month how it went.")
            parts.append(self._part(say("Reminder"), True, does, ""))
        return [*parts, kept]

    def _part(
        self,
        name: str,
        will: bool,
        does: str,
        why_not: str,
        facts: tuple[tuple[str, str], ...] = (),
    ) -> Part:
        if will:
            return Part(name, "will", self.words.say("Can write"), does, facts)
        return Part(name, "not", self.words.say("Not written"), why_not)

    def _facts(
        self, shown: Recommendation, draft: Draft
    ) -> tuple[tuple[str, str], ...]:
        say = self.words.say
        choices = choices_of(shown, draft)
        if not choices:
            return ()
        first = self._by_our_clock(choices[0])
        reasons = ", ".join(_conditions(shown, first)) or say("none")
        when = (
            f"{self.words.full_date(first.meeting.starts)}, "
            f"{self.words.clock(first.meeting.starts)}"
            if first.meeting
            else say("not set")
        )
        only_named = say("only if the patient agrees to names")
        return (
            (say("Status"), say("active, order")),
            (say("Code"), say("Referral to support group") + " 711281004"),
            (say("Category"), say("Social service procedure") + " 410606002"),
            (say("Reason"), f"{reasons} ({only_named})"),
            (say("First meeting"), f"{when} ({only_named})"),
            (say("Group"), f"{first.name} ({only_named})"),
            (say("Performer"), say("none: groups are anonymous")),
        )

    def _effects(self, plan: WritePlan) -> list[tuple[str, str]]:
        say = self.words.say
        nothing = say("Writes nothing to the chart. Kept in our record.")
        if plan.service_request:
            named = say("Writes the orders and the note, with group names.")
            unnamed = say("Writes the orders and the note, without group names.")
        else:
            named = say("Writes the note, with group names; it carries the referral.")
            unnamed = say("Writes the note, without group names.")
        return [
            ("named", named),
            ("unnamed", unnamed),
            ("handout_only", nothing),
            ("declined", nothing),
        ]


def _conditions(shown: Recommendation, choice: Choice) -> list[str]:
    """The problems that an order refers to, in the chart's words."""
    found = shown.program(choice.program)
    named = {b.resource: b.words for b in found.because} if found else {}
    return [named.get(reference) or reference for reference in choice.conditions]


def choices_of(shown: Recommendation, draft: Draft) -> list[Choice]:
    """The chosen programmes with the meeting that stands beside each."""
    made = []
    for program in draft.picks:
        found = shown.program(program)
        if found is not None:
            chosen = meeting_of(shown, draft, program)
            meeting = next((m for m in found.meetings if m.id == chosen), None)
            made.append(choice_of(found, meeting))
    return made


def meeting_of(shown: Recommendation, draft: Draft, program: str) -> str | None:
    """The id of the chosen meeting: the next one unless another or none was chosen."""
    if program in draft.meetings:
        return draft.meetings[program] or None
    found = shown.program(program)
    return found.meetings[0].id if found and found.meetings else None


def acknowledgements(
    shown: Recommendation, draft: Draft
) -> tuple[Acknowledgement, ...]:
    """The answers that were given so far, for the warnings that ask for one."""
    made = []
    for warning in shown.warnings:
        answer = draft.answers.get(warning.id)
        if warning.needs_answer and answer and answer.text.strip():
            made.append(
                Acknowledgement(warning.id, answer.text, _date(answer.follow_up))
            )
    return tuple(made)


def _agreement(text: str) -> Agreement:
    return "unnamed" if text == "unnamed" else "named"


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
