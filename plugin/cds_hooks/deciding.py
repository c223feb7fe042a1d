"""What is worth saying to a call: from the chart, and from what was said before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from plugin.cds_hooks import advice as advising
from plugin.cds_hooks import drafts, shown
from plugin.cds_hooks.admission import Admission, Admitted
from plugin.cds_hooks.advice import Advice, Before
from plugin.cds_hooks.call import Call
from plugin.cds_hooks.errors import DataMissing
from plugin.cds_hooks.fetching import Fetching
from plugin.cds_hooks.wording import WordingOf, in_english
from plugin.chart.chart import Chart
from plugin.chart.terminology import Terminology
from plugin.clock import Clock
from plugin.knowledge.knowledge import Knowledge
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Preferences, Recommendation
from plugin.referral.filed import Filed
from plugin.referral.ledger import Ledger
from plugin.settings import Settings
from plugin.store.engine import reading

# Seconds for asking what unlisted codes are kinds of; answers are kept for a week.
FOR_KINDS = 0.25


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to say, and what it was read from."""

    advice: Sequence[Advice] = ()
    chart: Chart | None = None
    source: str = "none"
    knowledge_version: str = ""


@dataclass(frozen=True, slots=True)
class Deciding:
    admission: Admission
    fetching: Fetching
    terminology: Terminology
    settings: Settings
    knowledge: Knowledge
    ledger: Ledger
    engine: Engine
    clock: Clock
    wording_of: WordingOf = in_english

    def found(self, admitted: Admitted) -> Found:
        """Raises: DataMissing, where what is needed could not be had."""
        call = admitted.call
        if admitted.sent.foreign or not call.is_clinician:
            return Found()
        if not self.admission.concerns(admitted):
            return Found()
        chart, source = self._chart(admitted)
        if chart is None and not admitted.refers:
            if admitted.sent.refused:
                return Found()
            raise DataMissing("neither prefetch nor the FHIR server gave the chart")
        before = self._before(admitted, chart)
        filed = self._filed(admitted) if admitted.refers else ()
        advice: list[Advice | None] = []
        if admitted.refers:
            order = advising.referral_of(filed, _names(call), before)
            advice.append(order)
            before = _answered(before, order)
        version = ""
        if chart is not None:
            found = self._recommended(admitted, chart)
            version = found.knowledge_version
            if call.service.hook != "order-sign":
                advice.append(advising.groups_of(chart, found, before))
            elif not admitted.refers:
                advice.append(advising.adjunct_of(chart, found, before))
            advice.insert(0, advising.warning_of(found, before))
        told = tuple(one for one in advice if one is not None)
        return Found(told, chart, source, version)

    def _chart(self, admitted: Admitted) -> tuple[Chart | None, str]:
        if admitted.reads:
            chart = self.fetching.chart(admitted.ehr, admitted.call, self.clock())
            if chart is not None:
                return self._with_kinds(admitted, chart), "fhir"
        chart = admitted.sent.chart
        if chart is None:
            return None, "none"
        return self._with_kinds(admitted, chart), "prefetch"

    def _with_kinds(self, admitted: Admitted, chart: Chart) -> Chart:
        """What is not answered within the time of a card, is told as not checked."""
        server = self.fetching.server(admitted.ehr, admitted.call)
        return self.terminology.added_to(chart, admitted.ehr.id, server, FOR_KINDS)

    def _before(self, admitted: Admitted, chart: Chart | None) -> Before:
        call, now = admitted.call, self.clock()
        settings = self.settings.ehr_of(admitted.ehr.id).cds
        with reading(self.engine) as connection:
            before = shown.before(
                connection,
                settings,
                tenant=admitted.ehr.id,
                patient=call.patient,
                actor=call.user,
                now=now,
            )
        if chart is not None and _stands(chart, now, settings.referral_days):
            return replace(before, referred=True)
        return before

    def _recommended(self, admitted: Admitted, chart: Chart) -> Recommendation:
        ehr = self.settings.ehr_of(admitted.ehr.id)
        if admitted.orders is not None:
            ordered = drafts.as_taken(admitted.orders).medications
            chart = replace(chart, medications=(*chart.medications, *ordered))
        found = recommend(
            chart,
            self.knowledge,
            Preferences(),
            at=self.clock(),
            # Which meetings are near is not said on a card, and takes most of the time.
            find_meetings=lambda _wanted: {},
            country=chart.patient.country or ehr.country,
            language=ehr.language,
        )
        return self.wording_of(ehr.id).said(found)

    def _filed(self, admitted: Admitted) -> Sequence[Filed]:
        return self.ledger.referrals(admitted.ehr.id, admitted.call.patient)


def _names(call: Call) -> set[str]:
    """How the clinician is called: a PractitionerRole says who stands behind it."""
    user = (call.prefetch or {}).get("user")
    names = {call.user}
    if isinstance(user, dict) and user.get("resourceType") == "Practitioner":
        names.add(f"Practitioner/{user.get('id')}")
    return names


def _answered(before: Before, order: Advice | None) -> Before:
    """A warning that was answered when this clinician signed is not said again."""
    if order is None or order.filed is None:
        return before
    answered = {answer.warning for answer in order.filed.signed.acknowledged}
    return replace(before, muted=before.muted | answered)


def _stands(chart: Chart, now: datetime, days: int) -> bool:
    """Whether the record holds a recent referral of somebody else's."""
    for one in chart.referrals:
        if one.status not in ("active", "on-hold", "completed"):
            continue
        try:
            authored = datetime.fromisoformat(one.authored[:10])
        except ValueError:
            continue
        if (now.date() - authored.date()).days <= days:
            return True
    return False
