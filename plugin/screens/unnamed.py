"""A note that was to name nothing, and does: found before it is signed."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.matching.recommendation import Recommendation
from plugin.referral.decision import SignRequest
from plugin.referral.disclosure import told, withheld_words
from plugin.referral.errors import NotAnswered
from plugin.referral.note import choice_of
from plugin.referral.signed import Choice

MOST_TOLD = 3


def named_in(
    note: str, shown: Recommendation, choices: Sequence[Choice]
) -> tuple[str, ...]:
    """What the note tells of groups, reasons and meetings: the first few words."""
    return told(note, withheld_words(shown, choices))[:MOST_TOLD]


def check_unnamed(request: SignRequest, shown: Recommendation) -> None:
    """Where the patient agreed to no names, the note has none either.

    Raises: NotAnswered. It does not repeat the words: they came with the request.
    """
    if request.agreement != "unnamed":
        return
    choices = []
    for wanted in request.choices:
        found = shown.program(wanted.program)
        if found is not None:
            meetings = {m.id: m for m in found.meetings}
            choices.append(choice_of(found, meetings.get(wanted.meeting or "")))
    if named_in(request.note, shown, choices):
        raise NotAnswered(
            "The patient agreed to no names, and the note names a group, a reason or "
            "a meeting. Take them out of the note."
        )
