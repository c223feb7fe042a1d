"""What stands on the hand-out: for the patient, in the patient's language, one page.

The patient's name and what the groups are for are on it only where that was ticked.
Where the paper may be read by whoever harms the patient, it names no group and no
place, unless the patient wants that; a programme whose name alone would tell is never
named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from plugin.directory.meeting import Occurrence
from plugin.knowledge.handout import HandoutText
from plugin.knowledge.texts import Texts
from plugin.referral.signed import Choice, ChosenMeeting
from plugin.screens.cards import OLD_FEED
from plugin.screens.handout.options import Options
from plugin.screens.handout.promise import Promise, promised
from plugin.screens.handout.qr import Qr, qr_of
from plugin.screens.handout.reasons import plain_needs
from plugin.screens.meeting_times import own_start, zones
from plugin.screens.warning_lines import CrisisLine
from plugin.screens.words import Words

Listed = Callable[[str, datetime], Occurrence | None]
MINUTES = 60  # where the list of meetings no longer says


@dataclass(frozen=True, slots=True)
class Go:
    """One place to go. Each text is "" where it is not known or not to be said."""

    name: str
    when: str
    where: str
    about: str
    cost: str
    phone: str
    address: str  # where to join online
    page: str  # the programme's own page
    qr: Qr | None
    demo: bool
    old: bool
    meeting_id: str
    starts: datetime | None
    minutes: int


@dataclass(frozen=True, slots=True)
class Paper:
    options: Options
    name: str
    about: str
    steps: tuple[Go, ...]
    medicine: tuple[str, ...]
    safety: str
    first_time: tuple[str, ...]
    promise: str
    crisis: tuple[CrisisLine, ...]
    crisis_checked: str
    printed: str


@dataclass(frozen=True, slots=True)
class PaperMaker:
    """Takes: `home`, the clinic's zone; `now` by its clock; `listed`, the directory."""

    texts: Texts
    words: Words
    home: tzinfo
    now: datetime
    listed: Listed
    crisis: Sequence[CrisisLine]
    crisis_checked: str

    def paper(
        self,
        choices: Sequence[Choice],
        options: Options,
        *,
        name: str,
        promise: Promise | None,
    ) -> Paper:
        """Takes: at least one choice; the patient's name."""
        told = [self._text(one.program, options) for one in choices]
        first = told[0]
        needs = [need for choice in choices for need in choice.needs]
        about = ", ".join(plain_needs(needs, self.words)) if options.why else ""
        return Paper(
            options=options,
            name=name if options.patient else "",
            about=about,
            steps=self._steps(choices, told, options),
            medicine=tuple(dict.fromkeys(self._medicine(text) for text in told)),
            safety=first.safety,
            first_time=_first_time(first),
            promise=promised(promise, self.words)
            if promise and options.may_lead_back
            else "",
            crisis=tuple(self.crisis),
            crisis_checked=self.crisis_checked,
            printed=self.words.full_date(self.now),
        )

    def _steps(
        self, choices: Sequence[Choice], told: Sequence[HandoutText], options: Options
    ) -> tuple[Go, ...]:
        """The places to go: the first in full; what is the same is said once."""
        steps: list[Go] = []
        for choice, text in zip(choices, told, strict=True):
            go = self._go(choice, text, options)
            if steps:
                what = text.part("what")
                cost = "" if go.cost == steps[0].cost else go.cost
                go = replace(go, about=what.sentences[0] if what else "", cost=cost)
            steps.append(go)
        return tuple(steps)

    def _text(self, program: str, options: Options) -> HandoutText:
        return self.texts.handout(program, options.language, named=options.named)

    def _medicine(self, text: HandoutText) -> str:
        part = text.part("medicine")
        if part is None:  # a group for relatives; the patient's own medicine stays too
            general = self.texts.handout("", text.language, named=False)
            part = general.part("medicine")
        return part.text if part else ""

    def _go(self, choice: Choice, text: HandoutText, options: Options) -> Go:
        met = choice.meeting
        listed = self.listed(met.id, met.starts) if met else None
        open_ = options.named and not text.discreet
        page = self._page(choice.program) if open_ else ""
        secret = self._tells_by_its_place(choice.program, options)
        return Go(
            name=text.title if options.named else "",
            when=self._when(met, listed) if met else "",
            where="" if secret else self._where(met),
            about=_said(text, "what"),
            cost=_said(text, "cost"),
            phone=listed.phone if listed and open_ else "",
            address=_join(listed) if open_ else "",
            page=page,
            qr=qr_of(page) if page and options.may_lead_back else None,
            demo=listed.demo if listed else False,
            old=met is not None and self._is_old(listed),
            meeting_id=met.id if met else "",
            starts=met.starts if met else None,
            minutes=listed.minutes if listed else MINUTES,
        )

    def _tells_by_its_place(self, program: str, options: Options) -> bool:
        if options.restricted and not options.named:
            return True
        return self.texts.handout(program, options.language).discreet

    def _page(self, program: str) -> str:
        found = self.texts.knowledge.programs.get(program)
        address = found.url_in(self.words.country) if found else ""
        return address if address.startswith("https://") else ""

    def _when(self, met: ChosenMeeting, listed: Occurrence | None) -> str:
        zone = listed.timezone if listed else ""
        own = own_start(met.starts, met.attendance, self.home)
        behind = zones(met.starts, met.attendance, zone, self.home, self.words)
        return f"{self.words.spelled_date(own)}, {self.words.clock(own)}{behind}"

    def _where(self, met: ChosenMeeting | None) -> str:
        if met is None:
            return ""
        if met.attendance == "online":
            return self.words.say("Online")
        return met.where

    def _is_old(self, listed: Occurrence | None) -> bool:
        """A meeting that the list no longer has is as doubtful as an old list."""
        if listed is None:
            return True
        fetched = listed.feed_fetched
        return fetched is not None and self.now - fetched > OLD_FEED


def _said(text: HandoutText, kind: str) -> str:
    part = text.part(kind)
    return part.text if part else ""


def _first_time(text: HandoutText) -> tuple[str, ...]:
    """What happens at the first meeting, by sentences; then what is believed."""
    parts = (text.part("first_meeting"), text.part("spirituality"))
    return tuple(line for part in parts if part for line in part.sentences)


def _join(listed: Occurrence | None) -> str:
    """Where to join, as text to type: https only, or nothing."""
    if listed is None or listed.attendance == "in-person":
        return ""
    address = listed.join_url or listed.url
    return address if address.startswith("https://") else ""
