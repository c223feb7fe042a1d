"""What a clinician decided, read strictly from JSON, and the gates before signing.

Source: contract, `POST referrals` and `POST decisions`; clinical-review R3.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from plugin.matching.recommendation import Recommendation
from plugin.matching.recommendation import Warning as ShownWarning
from plugin.referral.errors import KeyMissing, NotAnswered
from plugin.referral.signed import Acknowledgement, Agreement
from plugin.referral.text import NOTE_LIMIT, clean_text

Withdrawal = Literal["low", "plan", "not_asked"]

MOST_CHOICES = 2
_TEXT_LIMIT = 2_000
_MOST_ANSWERS = 50
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:|/-]{0,127}")
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KEY = re.compile(r"[!-~]{1,255}")  # visible ASCII

# How an answer about withdrawal may be written, as it stands on the screen.
_WITHDRAWAL: Mapping[str, Withdrawal] = {
    "low": "low",
    "low risk": "low",
    "plan": "plan",
    "plan first": "plan",
    "not asked": "not_asked",
    "not_asked": "not_asked",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A programme that was chosen, and the meeting to begin with."""

    program: str
    meeting: str | None


@dataclass(frozen=True, slots=True)
class SignRequest:
    """`patient` is the FHIR id that the page showed; `encounter` the visit that was
    chosen where the launch names none.
    """

    choices: tuple[Wanted, ...]
    note: str
    patient: str
    acknowledged: tuple[Acknowledgement, ...]
    agreement: Agreement
    encounter: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A decision that writes nothing to the record."""

    decision: Literal["handout_only", "declined"]
    reason: str | None
    acknowledged: tuple[Acknowledgement, ...] = ()


def checked_key(key: str | None) -> str:
    """Raises: KeyMissing."""
    if key is None or _KEY.fullmatch(key) is None:
        raise KeyMissing("no usable Idempotency-Key")
    return key


def sign_request(body: Mapping[str, Any]) -> SignRequest:
    """Read the body of `POST referrals`. Raises: NotAnswered, with the reason."""
    known = {"choices", "note", "patient", "acknowledged", "agreement", "encounter"}
    _only(body, "the body", known)
    encounter = body.get("encounter")
    agreement = body.get("agreement")
    if agreement not in ("named", "unnamed"):
        raise NotAnswered(
            'agreement is missing: "named" if the record may name the groups and the '
            'reasons, else "unnamed".'
        )
    return SignRequest(
        choices=_choices(body.get("choices")),
        note=_note(body.get("note")),
        patient=_matching(body.get("patient"), _FHIR_ID, "patient"),
        acknowledged=_answers(body.get("acknowledged", [])),
        agreement=agreement,
        encounter=None
        if encounter is None
        else _matching(encounter, _FHIR_ID, "encounter"),
    )


def decision_request(body: Mapping[str, Any]) -> DecisionRequest:
    """Read the body of `POST decisions`. Raises: NotAnswered, with the reason."""
    _only(body, "the body", {"decision", "reason", "acknowledged"})
    decision = body.get("decision")
    if decision not in ("handout_only", "declined"):
        raise NotAnswered('decision must be "handout_only" or "declined".')
    return DecisionRequest(
        decision=decision,
        reason=_optional_code(body.get("reason")),
        acknowledged=_answers(body.get("acknowledged", [])),
    )


def check_gates(
    warnings: Iterable[ShownWarning],
    acknowledged: Sequence[Acknowledgement],
    *,
    today: date,
) -> None:
    """Red warnings are answered, and suicide risk has a date to meet again.

    Raises: NotAnswered, naming the first warning that is not.
    """
    shown = {warning.id: warning for warning in warnings}
    answers = {answer.warning: answer for answer in acknowledged}
    for strange in answers.keys() - shown.keys():
        raise NotAnswered(f"acknowledged names {strange}, which is not a warning here.")
    for warning in shown.values():
        answer = answers.get(warning.id)
        if warning.needs_answer and (answer is None or not answer.text):
            raise NotAnswered(f"Warning {warning.id} needs a text: what was done?")
        if warning.needs_follow_up and (answer is None or answer.follow_up is None):
            raise NotAnswered(f"Warning {warning.id} needs the date of a follow-up.")
        if answer and answer.follow_up and answer.follow_up < today:
            raise NotAnswered(f"The follow-up of warning {warning.id} is in the past.")


def unresolved(
    recommendation: Recommendation, acknowledged: Sequence[Acknowledgement]
) -> tuple[str, ...]:
    """The red warnings that nobody has answered."""
    answered = {answer.warning for answer in acknowledged if answer.text}
    return tuple(
        warning.id
        for warning in recommendation.warnings
        if warning.needs_answer and warning.id not in answered
    )


def withdrawal_answer(
    recommendation: Recommendation, acknowledged: Sequence[Acknowledgement]
) -> Withdrawal | None:
    """What is known of withdrawal; None where no warning asks.

    Silence is "not asked", and never "none".
    """
    asking = {w.id for w in recommendation.warnings if w.asks_withdrawal}
    if not asking:
        return None
    texts = [a.text.lower().rstrip(".") for a in acknowledged if a.warning in asking]
    told = [_WITHDRAWAL[text] for text in texts if text in _WITHDRAWAL]
    return told[0] if told else "not_asked"


def _choices(value: Any) -> tuple[Wanted, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CHOICES:
        raise NotAnswered("choices must be a list of one or two programmes.")
    choices = tuple(_choice(one) for one in value)
    if len({choice.program for choice in choices}) < len(choices):
        raise NotAnswered("choices names the same programme twice.")
    return choices


def _choice(value: Any) -> Wanted:
    if not isinstance(value, dict):
        raise NotAnswered("Each of choices must be an object.")
    _only(value, "a choice", {"program", "meeting"})
    meeting = value.get("meeting")
    return Wanted(
        program=_matching(value.get("program"), _ID, "program"),
        meeting=None if meeting is None else _matching(meeting, _ID, "meeting"),
    )


def _note(value: Any) -> str:
    note = clean_text(value) if isinstance(value, str) else ""
    if not note:
        raise NotAnswered("note is missing: the note is what you sign.")
    if len(note) > NOTE_LIMIT:
        raise NotAnswered(f"The note is longer than {NOTE_LIMIT} characters.")
    return note


def _answers(value: Any) -> tuple[Acknowledgement, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ANSWERS:
        raise NotAnswered("acknowledged must be a list.")
    answers = tuple(_answer(one) for one in value)
    if len({answer.warning for answer in answers}) < len(answers):
        raise NotAnswered("acknowledged names the same warning twice.")
    return answers


def _answer(value: Any) -> Acknowledgement:
    if not isinstance(value, dict):
        raise NotAnswered("Each of acknowledged must be an object.")
    _only(value, "an acknowledgement", {"id", "text", "follow_up"})
    text = value.get("text", "")
    if text is None:
        text = ""
    if not isinstance(text, str) or len(text) > _TEXT_LIMIT:
        raise NotAnswered(
            f"What was done about a warning is a text of {_TEXT_LIMIT} characters "
            "at most."
        )
    return Acknowledgement(
        warning=_matching(value.get("id"), _ID, "id"),
        text=clean_text(text),
        follow_up=_date(value.get("follow_up")),
    )


def _date(value: Any) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(_matching(value, _DATE, "follow_up"))
    except ValueError:
        raise NotAnswered("follow_up must be a date, as 2026-03-02.") from None


def _optional_code(value: Any) -> str | None:
    return None if value is None else _matching(value, _CODE, "reason")


def _matching(value: Any, form: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise NotAnswered(f"{name} is missing or not of its form.")
    return value


def _only(value: Mapping[str, Any], what: str, known: set[str]) -> None:
    if value.keys() - known:
        raise NotAnswered(f"{what[0].upper()}{what[1:]} has a key that is not known.")
