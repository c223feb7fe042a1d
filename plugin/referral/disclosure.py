"""What a record may tell: when names are withheld, and whether a text tells them.

A tick on a screen is the patient's word, not a consent under 42 CFR Part 2; and a note
that was edited by hand may name what was to stay unnamed. Both are decided here, by
pure functions, and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from plugin.matching.recommendation import Because, Recommendation
from plugin.referral.consents import NO_CONSENT, Part2Consent
from plugin.referral.note import RESTRICTED_WARNINGS
from plugin.referral.signed import Agreement, Choice

Part2Setting = Literal["confirm", "consent_resource", "not_applicable"]
ProxyAccess = Literal["none", "minors", "all"]  # whose notes a proxy may read

# Needs whose very name tells of substance use, of the patient's or of a relative's.
_SUBSTANCE_NEEDS: Final = frozenset(
    {
        "alcohol",
        "opioid",
        "cocaine",
        "stimulant",
        "cannabis",
        "sedative",
        "other_drugs",
        "nicotine",
        "dual_diagnosis",
        "family_addiction",
        "adult_child",
    }
)
# F10-F19, T40 poisonings, O99.31 and O99.32, Z63.72; dots taken out.
_SUBSTANCE_ICD: Final = re.compile(r"F1[0-9]|T40|O993[12]|Z6372")
_SUBSTANCE_RULES: Final = frozenset(
    {"S6", "S6b", "S7", "S7b", "S8", "S9", "S13b", "S16"}
)
# Totals of AUDIT, AUDIT-C and DAST-10; buprenorphine, methadone, naltrexone (RxNorm).
_SUBSTANCE_CODES: Final = frozenset(
    {"75624-7", "75626-2", "82667-7", "1819", "6813", "7243"}
)

_INITIALS: Final = 4

WITHHELD_FOR: Final = {
    "violence": "A record that tells of violence can be read at home.",
    "part2": "No written consent under 42 CFR Part 2 is on file.",
    "minor": "A minor's record may be open to a parent or guardian.",
    "proxy": "At this site a family member or carer may read the record.",
}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may be told of a referral, and why less than was agreed to."""

    agreement: Agreement  # what holds, whatever was ticked
    part2: bool
    restricted: bool
    consent: str = ""  # the signed consent that it goes by, where Part 2 asks for one
    withheld_for: tuple[str, ...] = ()  # sentences for the clinician


def disclosure(
    recommendation: Recommendation,
    choices: Sequence[Choice],
    agreement: Agreement,
    *,
    part2: Part2Setting = "confirm",
    consent: Part2Consent = NO_CONSENT,
    proxy: ProxyAccess = "minors",
) -> Disclosure:
    """Decide what a record may tell.

    Takes:  what the patient agreed to; the site's Part 2 setting; what the chart's
            written consents say; whose notes a proxy may read at this site: minors'
            where nobody has checked (clinical-review R6).
    """
    restricted = any(w.id in RESTRICTED_WARNINGS for w in recommendation.warnings)
    covered = part2 != "not_applicable" and tells_of_substance_use(
        recommendation, choices
    )
    minor = recommendation.age is not None and recommendation.age < 18
    held = {
        "violence": restricted,
        "part2": covered
        and not consent.reference
        and (part2 == "consent_resource" or consent.refused),
        "minor": minor and proxy == "minors",
        "proxy": proxy == "all",
    }
    reasons = tuple(WITHHELD_FOR[name] for name, holds in held.items() if holds)
    return Disclosure(
        agreement="unnamed" if reasons else agreement,
        part2=covered,
        restricted=restricted,
        consent=consent.reference if covered else "",
        withheld_for=reasons if agreement == "named" else (),
    )


def tells_of_substance_use(
    recommendation: Recommendation, choices: Sequence[Choice]
) -> bool:
    """Whether naming these choices and their reasons tells of substance use.

    Source: 42 CFR 2.11 and 2.12; the list of codes that count here.
    """
    chosen = {need for choice in choices for need in choice.needs}
    if chosen & _SUBSTANCE_NEEDS:
        return True
    if any(warning.id in _SUBSTANCE_RULES for warning in recommendation.warnings):
        return True
    lines = [b for n in recommendation.needs if n.id in chosen for b in n.because]
    return any(_is_substance(line) for line in lines)


def withheld_words(
    recommendation: Recommendation, choices: Sequence[Choice]
) -> tuple[str, ...]:
    """Every word and phrase that an unnamed record must not hold."""
    words: dict[str, None] = {}
    for choice in choices:
        words |= dict.fromkeys(_of_choice(choice))
    for program in recommendation.programs:
        words |= dict.fromkeys(_parts(program.name))
    for need in recommendation.needs:
        words |= dict.fromkeys([need.id.replace("_", " "), *_parts(need.name)])
        for because in need.because:
            words |= dict.fromkeys(w for w in (because.code, because.display) if w)
    return tuple(word for word in words if len(word) > 1)


def told(text: str, words: Iterable[str]) -> tuple[str, ...]:
    """Which of the withheld words a text holds, in their order.

    Short capitals (a programme's initials) count only as written; all else in any case.
    """
    flat = " ".join(text.split())
    folded = flat.casefold()
    return tuple(
        word
        for word in words
        if (
            _stands_in(flat, word)
            if word.isupper() and len(word) <= _INITIALS
            else _stands_in(folded, word.casefold())
        )
    )


def _stands_in(text: str, word: str) -> bool:
    pattern = r"\s+".join(re.escape(part) for part in word.split())
    return re.search(rf"(?<!\w){pattern}(?!\w)", text) is not None


def _of_choice(choice: Choice) -> Iterator[str]:
    yield from _parts(choice.name)
    initials = choice.program.upper()
    if initials.isalpha() and len(initials) <= _INITIALS:
        yield initials
    meeting = choice.meeting
    if meeting is None:
        return
    # A single common word ("Hope") would forbid ordinary prose.
    phrases = [meeting.name, *meeting.where.split(",")]
    yield from (phrase.strip() for phrase in phrases if len(phrase.split()) > 1)
    yield f"{meeting.starts:%H:%M}"
    yield f"{meeting.starts:%I:%M}".lstrip("0")


def _parts(name: str) -> list[str]:
    """A name's parts: `A / B (C)` may be written as any of the three."""
    return [part.strip() for part in re.split(r"[/()]", name) if part.strip()]


def _is_substance(line: Because) -> bool:
    if line.code in _SUBSTANCE_CODES:
        return True
    return _SUBSTANCE_ICD.match(line.code.replace(".", "")) is not None
