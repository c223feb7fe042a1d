"""The visit that a note belongs to, where the launch names none: a person chooses it.

None is ever chosen silently: which visit a note is filed with is part of what is
signed.

Source: ehr-quirks, "What EHRs allow" (a note needs an existing encounter).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from plugin.chart.chart import Encounter
from plugin.referral.encounters import visits_to_file_with
from plugin.referral.plan import plan_write
from plugin.referral.quirks import quirks_of
from plugin.referral.standing import may_sign
from plugin.screens.draft import Draft
from plugin.screens.gate import Passed
from plugin.screens.posted import Posted
from plugin.screens.words import Words
from plugin.visit import Visit

_MOST = 10


def in_encounter(launch: Passed, visit: Visit, chosen: str | None) -> Visit:
    """What can be written once that visit is named.

    Takes: `chosen`, an encounter's id; one that the chart lacks changes nothing.
    """
    context = launch.context
    known = {one.id for one in _offered(launch, visit)}
    if not chosen or chosen not in known:
        return visit
    ehr = launch.house.settings.ehr_of(context.tenant)
    plan = plan_write(
        visit.capabilities,
        context.scopes,
        quirks_of(ehr, visit.capabilities),
        has_encounter=True,
        may_sign=may_sign(context, ehr),
    )
    return replace(visit, plan=plan)


def with_encounter(launch: Passed, form: Posted, draft: Draft, visit: Visit) -> Draft:
    """The draft with the visit that the page named; "" takes the choice back."""
    named = form.every("encounter")
    if not named:
        return draft
    known = {one.id for one in _offered(launch, visit)}
    return replace(draft, encounter=named[0] if named[0] in known else "")


def encounter_values(launch: Passed, draft: Draft, visit: Visit) -> dict[str, object]:
    """What the page shows; no visit to choose where the launch names one."""
    offered = _offered(launch, visit)
    known = {one.id for one in offered}
    return {
        "encounters": [(one.id, _said(launch.words, one)) for one in offered[:_MOST]],
        "encounter": draft.encounter if draft.encounter in known else "",
    }


def _offered(launch: Passed, visit: Visit) -> Sequence[Encounter]:
    if launch.context.encounter:
        return ()
    return visits_to_file_with(visit.chart)


def _said(words: Words, one: Encounter) -> str:
    when = words.recorded(one.start) if one.start else words.say("date not known")
    over = words.say("ended") if one.status == "finished" else ""
    return ", ".join(part for part in (when, one.kind, one.location, over) if part)
