"""From a chart to a recommendation: safety, needs, eligibility, ranking, offer.

Pure: the same chart, rules, wishes, moment and meetings give the same answer.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from plugin.chart.chart import Chart
from plugin.directory.meeting import MeetingsWanted, Place
from plugin.knowledge.knowledge import Knowledge
from plugin.matching.active_referral import active_referral
from plugin.matching.doubts import doubts_of
from plugin.matching.eligibility import eligible
from plugin.matching.facts import facts_of
from plugin.matching.needs import NeedsFound, needs_of, unmapped_of
from plugin.matching.offer import offer
from plugin.matching.preferences import at_wished_times, is_wished_time
from plugin.matching.ranking import Ranked, rank
from plugin.matching.reasons import cautions_of, evidence_of, reasons_of
from plugin.matching.recommendation import (
    Because,
    FindMeetings,
    Preferences,
    Recommendation,
    Recommended,
    Removed,
    UnreadableEntry,
)
from plugin.matching.safety import Safety, safety_of
from plugin.matching.sentences import sentence
from plugin.matching.sessions import sessions_of
from plugin.matching.wishes import Candidate, Situation, Wishes, situation_of

MEETINGS = 3  # for each programme
# Where days and times are stated, so many are looked at for some that suit.
MOST_LOOKED_AT = 60


def recommend(
    chart: Chart,
    knowledge: Knowledge,
    preferences: Preferences,
    *,
    at: datetime,
    find_meetings: FindMeetings,
    near: Place | None = None,
    within_km: float = 50,
    country: str | None = None,
    language: str = "en",
    added_needs: Collection[str] = (),
    dropped_needs: Collection[str] = (),
) -> Recommendation:
    """The whole recommendation for one chart at one moment.

    Takes: `at`, an aware moment; `find_meetings`, which is asked exactly once, for
           all suitable programmes; `country`, ISO 3166-1 alpha-2, else the patient's;
           the needs that the clinician added or dropped. Safety goes by the chart: a
           need that was dropped still warns and still excludes.
    """
    facts = facts_of(chart, knowledge, at, country)
    found = needs_of(facts, knowledge, added=added_needs)
    safety = safety_of(facts, found, knowledge)
    found = _without_suppressed(found, safety)
    wishes = Wishes(preferences, language, dropped_needs)
    situation = situation_of(facts, found, safety, wishes, knowledge)
    suitable = eligible(situation)
    wanted = MeetingsWanted(
        programs=tuple(c.program.id for c in suitable.candidates),
        at=at,
        near=near,
        within_km=preferences.within_km or within_km,
        attendance=preferences.modality,
        language=preferences.language,
        limit=MOST_LOOKED_AT if preferences.names_times else MEETINGS,
    )
    meetings = find_meetings(wanted)
    candidates = [
        Candidate(
            c.program,
            c.served,
            c.roles,
            at_wished_times(meetings.get(c.program.id, ()), preferences, MEETINGS),
        )
        for c in suitable.candidates
    ]
    ranked = rank(candidates, situation, at)
    offered = offer(ranked, situation)
    programs = {r.candidate.program.id: _recommended(r, situation) for r in ranked}
    return Recommendation(
        knowledge_version=knowledge.version,
        at=at,
        age=facts.age,
        gender=facts.gender,
        needs=tuple(n for n in found.needs if n.id not in dropped_needs),
        warnings=safety.warnings,
        programs=tuple(programs.values()),
        offered=offered.ids,
        single_sessions=sessions_of(situation),
        plan=active_referral([programs[p] for p in offered.ids], situation),
        removed=suitable.removed,
        unmapped=unmapped_of(facts, found.mapped, safety.coded),
        unreadable=tuple(UnreadableEntry(u.entry, u.reason) for u in chart.unreadable),
        # Read in part is not read: what is missing could be the risk.
        could_not_check=tuple(sorted({*chart.could_not_check, *chart.incomplete})),
        notes=tuple(
            dict.fromkeys(
                [
                    *_notes(chart, situation),
                    *found.notes,
                    *offered.notes,
                    *_on_request(offered.ids, suitable.removed),
                    *_at_other_times(ranked, preferences),
                ]
            )
        ),
    )


def _without_suppressed(found: NeedsFound, safety: Safety) -> NeedsFound:
    """Needs that a fired rule rules out: a manic spree is no spending disorder."""
    notes = list(found.notes)
    kept = []
    for need in found.needs:
        rule = next(
            (f.rule for f in safety.fired if need.id in f.rule.removes.needs), None
        )
        if rule is None:
            kept.append(need)
        else:
            notes.append(
                sentence(
                    "%(need)s is left out: %(warning)s (rule %(rule)s).",
                    need=sentence(need.name),
                    warning=sentence(rule.title),
                    rule=rule.id,
                )
            )
    return replace(found, needs=tuple(kept), notes=tuple(notes))


def _recommended(ranked: Ranked, situation: Situation) -> Recommended:
    candidate, program = ranked.candidate, ranked.candidate.program
    weights = situation.knowledge.weights
    return Recommended(
        id=program.id,
        name=program.name,
        score=ranked.score,
        fit="strong"
        if ranked.score >= weights.strong
        else "good"
        if ranked.score >= weights.good
        else "fair",
        approach=program.approach,
        evidence=evidence_of(ranked.study),
        needs=tuple(n.id for n in candidate.served),
        reasons=reasons_of(ranked, situation),
        cautions=cautions_of(ranked, situation),
        deferred=bool(situation.deferring),
        features=ranked.features,
        meetings=tuple(candidate.meetings),
        finder_url=program.url_in(situation.facts.country),
        because=_because(candidate),
        has_sponsors="sponsorship" in program.factors,
    )


def _because(candidate: Candidate) -> tuple[Because, ...]:
    if len(candidate.served) == 1:
        return candidate.served[0].sure_lines
    return tuple(dict.fromkeys(b for n in candidate.served for b in n.sure_lines))


def _notes(chart: Chart, situation: Situation) -> Iterable[str]:
    facts, knowledge = situation.facts, situation.knowledge
    yield from knowledge.always
    for source in sorted(chart.could_not_check):
        yield sentence("Could not check: %(source)s.", source=sentence(source))
    for source in sorted(chart.incomplete):
        yield sentence("Read in part only: %(source)s.", source=sentence(source))
    if not facts.country:
        yield sentence("Country not known: ask, then give the local crisis numbers.")
    yield from doubts_of(chart, facts, knowledge)
    spoken = chart.patient.language.split("-")[0].lower()
    if spoken and spoken != (situation.preferences.language or situation.language):
        yield sentence(
            "The chart names another language (%(language)s): ask what is preferred.",
            language=spoken,
        )


def _at_other_times(
    ranked: Iterable[Ranked], preferences: Preferences
) -> Iterable[str]:
    """Programmes whose meetings, as far as looked at, are at other times."""
    if not preferences.names_times:
        return
    named = [
        r.candidate.program.name
        for r in ranked
        if r.candidate.meetings
        and not is_wished_time(r.candidate.meetings[0], preferences)
    ]
    if named:
        yield sentence(
            "No next meeting at the wished days and times: %(groups)s.",
            groups=", ".join(named),
        )


def _on_request(offered: Collection[str], removed: Iterable[Removed]) -> Iterable[str]:
    """Where nothing is offered, what could be had by asking."""
    named = [m.name for m in removed if m.kind == "on request"]
    if not offered and named:
        yield sentence("Offered when asked for: %(groups)s.", groups=", ".join(named))
