"""A note that was to name nothing, and does: found before it is signed."""

from collections.abc import Sequence
from typing import Final

from plugin.matching.recommendation import Recommendation
from plugin.referral.disclosure import Disclosure, told, withheld_words
from plugin.referral.errors import NotAnswered
from plugin.referral.signed import Choice

MOST_TOLD: Final = 3

NO_NAMES: Final = (
    "The patient agreed to no names, and the note names a group, a reason or "
    "a meeting. Take them out of the note."
)
NAMES_WITHHELD: Final = (
    "Names are withheld from this record, and the note names a group, a reason or "
    "a meeting. Take them out of the note."
)


def named_in(
    note: str, shown: Recommendation, choices: Sequence[Choice]
) -> tuple[str, ...]:
    """What the note tells of groups, reasons and meetings: the first few words."""
    return told(note, withheld_words(shown, choices))[:MOST_TOLD]


def check_unnamed(
    note: str, shown: Recommendation, choices: Sequence[Choice], may: Disclosure
) -> None:
    """Where the record names nothing, the note does not either.

    Raises: NotAnswered. It does not repeat the words: they came with the request.
    """
    if may.agreement == "unnamed" and named_in(note, shown, choices):
        why = " ".join(may.withheld_for)
        raise NotAnswered(f"{NAMES_WITHHELD} {why}" if why else NO_NAMES)
