"""From the posted first screen to the draft: what was ticked, stated and asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from plugin.matching.recommendation import Need, Preferences, Recommendation
from plugin.screens.draft import MOST_CHOICES, Answer, Draft, PlaceChoice, Withdrawal
from plugin.screens.posted import Posted

Spiritual = Literal["secular_only", "spiritual_ok", "faith"]
Modality = Literal["online", "in-person"]
WISHES = ("lgbtq", "women", "men", "veterans", "young_people", "beginners")
LONGEST_ANSWER = 2000
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What the pressed button asks for: `update`, `review`, `add:aa` ..."""

    act: str
    program: str = ""


def asked(form: Posted) -> Asked:
    act, _, program = form.one("do", "update").partition(":")
    return Asked(act, program)


def draft_of(
    form: Posted,
    draft: Draft,
    shown: Recommendation,
    needs: Sequence[Need],
    known_needs: Collection[str],
) -> Draft:
    """The draft with everything that the page said. Unknown names are dropped.

    Takes: `needs`, the chart's own, before any was taken out; `known_needs`, the ids
           of all that can be added.
    """
    programs = {p.id for p in shown.programs}
    removed = {r.id for r in shown.removed}
    taken = replace(
        draft,
        restored=False,
        preferences=_preferences(form, draft.preferences, removed | programs),
        place=cast(
            "PlaceChoice",
            _one_of(form.one("near"), get_args(PlaceChoice), draft.place),
        ),
        picks=_picks(form, draft, programs),
        meetings={**draft.meetings, **_meetings(form, shown)},
        sessions=tuple(
            s
            for s in form.every("session")
            if s in {one.id for one in shown.single_sessions}
        ),
    )
    taken = _with_needs(form, taken, needs, known_needs)
    return with_answers(form, _acted(asked(form), form, taken, programs), shown)


def with_answers(form: Posted, draft: Draft, shown: Recommendation) -> Draft:
    """The draft with the answers to warnings that either screen can ask for."""
    did, follow = form.starting("did-"), form.starting("follow-")
    known = {w.id for w in shown.warnings if w.needs_answer}
    answers = {
        warning: Answer(
            did.get(warning, "")[:LONGEST_ANSWER], follow.get(warning, "")[:10]
        )
        for warning in known & (did.keys() | follow.keys())
    }
    return replace(
        draft,
        answers={**draft.answers, **answers},
        withdrawal=cast(
            "Withdrawal",
            _one_of(form.one("withdrawal"), get_args(Withdrawal), draft.withdrawal),
        ),
    )


def _acted(asked_for: Asked, form: Posted, draft: Draft, programs: set[str]) -> Draft:
    program = asked_for.program
    if asked_for.act == "wish" and program:
        picks = tuple(dict.fromkeys((*draft.preferences.picks, program)))
        return replace(
            draft,
            preferences=replace(draft.preferences, picks=picks),
            shown_too=tuple(dict.fromkeys((*draft.shown_too, program))),
        )
    if program not in programs:
        return draft
    if asked_for.act == "add":
        return replace(
            draft, shown_too=tuple(dict.fromkeys((*draft.shown_too, program)))
        )
    if asked_for.act == "leave":
        reason = form.one(f"not-{program}").strip()[:LONGEST_REASON]
        return replace(
            draft,
            left_out={**draft.left_out, program: reason},
            picks=tuple(p for p in draft.picks if p != program),
        )
    if asked_for.act == "back":
        left = {p: r for p, r in draft.left_out.items() if p != program}
        return replace(draft, left_out=left)
    return draft


def _picks(form: Posted, draft: Draft, programs: set[str]) -> tuple[str, ...]:
    """What is ticked, in the order of ticking where the page could tell it."""
    ticked = form.every("program")
    order = (*form.every("order"), *draft.picks, *ticked)
    return tuple(p for p in dict.fromkeys(order) if p in ticked and p in programs)[
        : MOST_CHOICES + 1
    ]


def _meetings(form: Posted, shown: Recommendation) -> Mapping[str, str]:
    chosen = form.starting("meeting-")
    return {
        p.id: chosen[p.id]
        for p in shown.programs
        if p.id in chosen
        and (not chosen[p.id] or chosen[p.id] in {m.id for m in p.meetings})
    }


def _with_needs(
    form: Posted, draft: Draft, needs: Sequence[Need], known: Collection[str]
) -> Draft:
    """Which needs were taken out, which confirmed, and which added by hand."""
    on_page, ticked = set(form.every("need-shown")), set(form.every("need"))
    if not on_page and not form.one("need-new"):
        return draft
    sure = {n.id for n in needs if n.stage != "ask"}
    added = ((on_page & ticked) | {form.one("need-new")}) - sure
    return replace(
        draft,
        dropped_needs=tuple(sorted((sure & on_page) - ticked)),
        added_needs=tuple(sorted(added & set(known))),
    )


def _preferences(
    form: Posted, before: Preferences, known_programs: Collection[str]
) -> Preferences:
    wishes = set(form.every("wish"))
    return Preferences(
        spiritual=cast(
            "Spiritual | None",
            _one_of(form.one("spiritual"), get_args(Spiritual), "") or None,
        ),
        modality=cast(
            "Modality | None",
            _one_of(form.one("modality"), get_args(Modality), "") or None,
        ),
        language=_language(form.one("meeting-language")),
        picks=tuple(p for p in before.picks if p in known_programs),
        **{wish: wish in wishes for wish in WISHES},
    )


def _language(text: str) -> str | None:
    return text if 2 <= len(text) <= 3 and text.isascii() and text.isalpha() else None


def _one_of(value: str, allowed: Collection[str], otherwise: str) -> str:
    return value if value in allowed else otherwise
