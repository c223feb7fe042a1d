"""Filed referrals in words: what reached the chart, what did not, and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from plugin.chart.chart import EarlierReferral
from plugin.referral.cancelling import REASONS as CANCEL_REASONS
from plugin.referral.filed import Filed, Outcome, Resource
from plugin.screens.words import Words

# What is not settled yet: the page looks again by itself.
MOVING = frozenset({"waiting", "unknown"})
ORDERS = "ServiceRequest"

REASONS = (
    "time",
    "travel",
    "nerves",
    "religious_tone",
    "people",
    "against_medicine",
    "forgot",
    "other",
)


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    kind: str
    word: str
    text: str
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenLine:
    id: str
    name: str
    kind: str
    word: str
    signed: str


@dataclass(frozen=True, slots=True)
class EarlierLine:
    id: str
    name: str
    word: str
    signed: str
    outcome: str


def is_open(filed: Filed) -> bool:
    """Nobody has said yet whether the patient went."""
    return not filed.taken_back and not any(
        outcome.attended != "unknown" for outcome in filed.outcomes
    )


def open_count(referrals: Iterable[Filed]) -> int:
    return sum(1 for filed in referrals if is_open(filed))


@dataclass(frozen=True, slots=True)
class ReferralWords:
    """`zone` is the clinic's clock; UTC where that is not known."""

    words: Words
    zone: tzinfo

    def live(self, filed: Filed) -> dict[str, object]:
        """The part of the page that changes while the worker writes."""
        states = [r.status for r in filed.resources]
        return {
            "settled": not MOVING & set(states),
            "headline": self.headline(filed),
            "tally": [
                (state, self._tally(state, states.count(state)))
                for state in dict.fromkeys(states)
            ],
            "items": [self._item(r, filed.resources) for r in filed.resources],
        }

    def headline(self, filed: Filed) -> str:
        say = self.words.say
        if any(one.takes_back and one.status in MOVING for one in filed.resources):
            return say("Cancelled. The EHR is being told.")
        unknown = sum(1 for r in filed.resources if r.status == "unknown")
        return {
            "written": say("Signed and filed."),
            "waiting": say("Signed. It is being written."),
            "unknown": self.words.count(
                "Signed. %(num)s item is unknown.",
                "Signed. %(num)s items are unknown.",
                max(unknown, 1),
            ),
            "refused": say("Signed. The EHR refused a part."),
            "held": say("Signed. A part is held until a person looks."),
            "cancelled": say("Signed, and cancelled since."),
        }[filed.status]

    def state(self, status: str) -> str:
        say = self.words.say
        return {
            "written": say("Written"),
            "waiting": say("Waiting"),
            "refused": say("Refused"),
            "unknown": say("Unknown"),
            "held": say("Held"),
            "cancelled": say("Cancelled"),
        }[status]

    def _tally(self, status: str, number: int) -> str:
        return f"{self.words.number(number)} {self.state(status).lower()}"

    def _item(self, resource: Resource, every: Sequence[Resource]) -> Item:
        return Item(
            name=self._name(resource, every),
            kind=resource.status,
            word=self.state(resource.status),
            text=self._text(resource),
            reference=resource.reference,
            reason=self.words.say(resource.reason),
        )

    def _name(self, resource: Resource, every: Sequence[Resource]) -> str:
        say = self.words.say
        if resource.action == "update" and resource.type == "Task":
            return say("Change of the reminder")
        if resource.action == "update":
            return say("Revoking the order")
        if resource.takes_back:
            return say("Later note")
        if resource.act > 1:
            return say("Signature of the cancelling")
        if resource.type != ORDERS:
            known = {
                "DocumentReference": say("Note"),
                "Provenance": say("Signature record"),
                "Task": say("Reminder"),
            }
            return known.get(resource.type, resource.type)
        orders = [r for r in every if r.type == ORDERS and r.act == 1]
        if len(orders) == 1:
            return say("Order")
        return say(
            "Order %(place)s of %(all)s",
            place=self.words.number(orders.index(resource) + 1),
            all=self.words.number(len(orders)),
        )

    def _text(self, resource: Resource) -> str:
        say = self.words.say
        clock = self._clock(resource.changed_at)
        if resource.status == "cancelled" and resource.reference:
            if resource.type == "DocumentReference":
                return say("Cancelled here; the chart says so.")
            return say("Cancelled here, and discontinued in the EHR.")
        if resource.action == "update" and resource.status == "unknown":
            return say("Sent; no answer came. We look whether it was done.")
        if resource.status == "waiting" and resource.due is not None:
            return say(
                "Not written yet. The next try is at %(time)s, by itself. You can "
                "close this panel.",
                time=self._clock(resource.due),
            )
        return {
            "written": say("Confirmed by the EHR at %(time)s.", time=clock),
            "waiting": say(
                "Not written yet. It waits for a part before it, or for you to open "
                "this patient again."
            ),
            "unknown": say(
                "Sent; no answer came. It may be in the chart. We search for it by its "
                "identifier and will not send it again until we know."
            ),
            "refused": say(
                "The EHR said no at %(time)s. We will not send it again; it is kept in "
                "our record.",
                time=clock,
            ),
            "held": say("Nothing is sent until a person has looked."),
            "cancelled": say("Cancelled before it was written."),
        }[resource.status]

    def _clock(self, moment: datetime) -> str:
        """The time of day, with its zone: it may not be the reader's own."""
        local = moment.astimezone(self.zone)
        return f"{self.words.clock(local)} {self.words.zone(local, '')}"

    # ---- follow-up ----

    def follow_up(
        self, referrals: Sequence[Filed], in_chart: Sequence[EarlierReferral]
    ) -> dict[str, object]:
        waiting = [f for f in referrals if is_open(f)]
        ours = {r.reference for f in referrals for r in f.resources if r.reference}
        earlier = [self._earlier(f) for f in referrals if not is_open(f)]
        earlier += [self._others(one) for one in in_chart if one.reference not in ours]
        return {
            "open_referrals": [self._open(f) for f in waiting],
            "open_words": self.words.count(
                "%(num)s referral waits for an answer.",
                "%(num)s referrals wait for an answer.",
                len(waiting),
            )
            if waiting
            else self.words.say("No referral waits for an answer."),
            "earlier": earlier,
            "times_options": [
                ("1", "1"),
                ("3", self.words.say("2 to 4")),
                ("6", self.words.say("5 to 8")),
                ("9", self.words.say("9 or more")),
            ],
            "involvement_options": [
                ("sponsor", self.words.say("Sponsor")),
                ("home_group", self.words.say("Home group")),
                ("service", self.words.say("Helps out")),
            ],
            "reason_options": self._reasons(),
        }

    def standing(
        self, referrals: Sequence[Filed], in_chart: Sequence[EarlierReferral]
    ) -> list[str]:
        """A line for each referral that nobody has closed, by whomever."""
        ours = {r.reference for f in referrals for r in f.resources if r.reference}
        lines = [
            f"{self.names(f)}; {self.signed(f)}; {f.signed.author_name}"
            for f in referrals
            if is_open(f)
        ]
        for one in in_chart:
            if one.status == "active" and one.reference not in ours:
                parts = (
                    self._others(one).name,
                    self._others(one).signed,
                    one.requester,
                )
                lines.append("; ".join(part for part in parts if part))
        return lines

    def names(self, filed: Filed) -> str:
        return "; ".join(choice.name for choice in filed.signed.choices)

    def signed(self, filed: Filed) -> str:
        return self.words.full_date(filed.signed_at.astimezone(self.zone))

    def _open(self, filed: Filed) -> OpenLine:
        return OpenLine(
            filed.id,
            self.names(filed),
            filed.status,
            self.state(filed.status),
            self.words.say("Signed %(date)s.", date=self.signed(filed)),
        )

    def _earlier(self, filed: Filed) -> EarlierLine:
        outcome = filed.outcomes[-1] if filed.outcomes else None
        return EarlierLine(
            filed.id,
            self.names(filed),
            self.state(filed.status),
            self.signed(filed),
            self._outcome(outcome) if outcome else "",
        )

    def _others(self, one: EarlierReferral) -> EarlierLine:
        """A referral that stands in the chart and was not made here."""
        when = self.words.recorded(one.authored) if one.authored else ""
        name = one.text or self.words.say("Referral to support group")
        return EarlierLine("", name, one.status, when, self.words.say("not known"))

    def _outcome(self, outcome: Outcome) -> str:
        say = self.words.say
        if outcome.attended == "yes":
            said = say("Went")
            if outcome.would_return is False:
                said = say("Tried, not for me")
        else:
            said = say("Not yet") if outcome.attended == "no" else say("Not asked")
        reasons = dict(self._reasons())
        return (
            f"{said}. {reasons[outcome.reason]}"
            if outcome.reason in reasons
            else (said)
        )

    def cancel_reasons(self) -> list[tuple[str, str]]:
        say = self.words.say
        texts = (
            say("The patient does not want it any more"),
            say("It does not suit the patient"),
            say("Signed in error"),
            say("Something else"),
        )
        return [("", say("not stated")), *zip(CANCEL_REASONS, texts, strict=True)]

    def _reasons(self) -> list[tuple[str, str]]:
        say = self.words.say
        texts = (
            say("Time"),
            say("Travel"),
            say("Nerves"),
            say("Religious tone"),
            say("People"),
            say("Someone spoke against medicine"),
            say("Forgot"),
            say("Something else"),
        )
        return [("", say("not stated")), *zip(REASONS, texts, strict=True)]
