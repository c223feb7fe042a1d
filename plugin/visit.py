"""One visit: the chart as it was read for a launch, and what follows from it.

The reads go side by side, the server's capabilities with them. What was read is kept
in memory for some minutes, so that the next page of the same launch does not ask the
EHR again; nothing of it is stored.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from sqlalchemy import Engine

from plugin.audit.equity import groups_of
from plugin.audit.trail import Event, Trail
from plugin.chart.chart import Chart
from plugin.chart.reading import read_chart
from plugin.chart.terminology import Terminology
from plugin.clock import Clock
from plugin.directory.directory import Directory
from plugin.directory.meeting import Occurrence, Place
from plugin.knowledge.load import Knowledge
from plugin.logs import log
from plugin.matching.as_json import recommendation_json
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Need, Preferences, Recommendation
from plugin.referral.ledger import event_of
from plugin.referral.plan import WritePlan, plan_write
from plugin.referral.quirks import quirks_of
from plugin.referral.standing import may_sign
from plugin.settings import Settings
from smart_launch.capability import CapabilityStatement
from smart_launch.context import LaunchContext
from smart_launch.errors import FhirError
from smart_launch.fhir_client import FhirClient
from smart_launch.smart_client import SmartClient

KEPT_FOR = timedelta(minutes=10)
# What was stated in a visit is small, and would be lost with it. A chart with what
# follows from it takes some 60 kB, and can be read again.
MOST_KEPT = 500
MOST_CHARTS = 200


@dataclass(frozen=True, slots=True)
class Stated:
    """What was said in this visit: wishes, and needs taken out or confirmed."""

    preferences: Preferences = field(default_factory=Preferences)
    dropped_needs: frozenset[str] = frozenset()
    added_needs: frozenset[str] = frozenset()
    anywhere: bool = False  # the place in the chart is not to be used


@dataclass(frozen=True, slots=True)
class Visit:
    """What the pages of a launch are made from.

    `needs` are the chart's own, before any was taken out or confirmed.
    """

    chart: Chart
    recommendation: Recommendation
    plan: WritePlan
    capabilities: CapabilityStatement | None
    preferences: Preferences
    near: Place | None
    needs: tuple[Need, ...]
    stated: Stated
    read_at: datetime

    @property
    def has_place(self) -> bool:
        return place_of(self.chart) is not None

    @property
    def zone(self) -> tzinfo:
        """The clinic's clock, taken from the nearest meeting in person; else UTC."""
        near = self._meetings_near
        if not near:
            return UTC
        closest = min(near, key=lambda meeting: meeting.km or 0.0)
        try:
            return ZoneInfo(closest.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return UTC

    @property
    def _meetings_near(self) -> list[Occurrence]:
        return [
            meeting
            for program in self.recommendation.programs
            for meeting in program.meetings
            if meeting.km is not None and meeting.timezone
        ]

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def today(self, now: datetime) -> date:
        return self.local(now).date()


@dataclass(slots=True)
class _Slot:
    """One launch's place in memory. Its lock keeps two requests from reading twice.

    What was stated outlives the chart, which is let go when it is too old to be shown.
    """

    lock: Lock = field(default_factory=Lock)
    visit: Visit | None = None
    stated: Stated = field(default_factory=Stated)


@dataclass(frozen=True, slots=True)
class Visits:
    smart: SmartClient
    knowledge: Knowledge
    directory: Directory
    trail: Trail
    engine: Engine
    clock: Clock
    settings: Settings
    terminology: Terminology
    side_by_side: Executor  # makes the reads
    _slots: OrderedDict[str, _Slot] = field(
        default_factory=OrderedDict, init=False, repr=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def open(
        self,
        context: LaunchContext,
        stated: Stated | None = None,
        *,
        seen: Callable[[Chart], None] = lambda _chart: None,
    ) -> Visit:
        """The visit of a launch, read now or some minutes ago.

        Takes: what was stated in this visit; None leaves it as it was; `seen`, which is
               told of a chart that is read now, before anything follows from it.
        Raises: SmartError, where the patient cannot be read or the grant is over.
        """
        slot = self._slot(context.id)
        with slot.lock:
            visit = slot.visit
            if visit is None or self.clock() - visit.read_at >= KEPT_FOR:
                visit = self._read(context, stated or slot.stated, seen)
            elif stated is not None and stated != visit.stated:
                visit = self._again(context, visit, stated)
            slot.visit, slot.stated = visit, visit.stated
            return visit

    def prefer(
        self,
        context: LaunchContext,
        preferences: Preferences,
        needs: frozenset[str] | None = None,
    ) -> Visit:
        """Recommend again without reading again.

        Takes: `needs`, the ids of the needs to go by; None leaves them as they were.
        """
        visit = self.open(context)
        stated = replace(visit.stated, preferences=preferences)
        if needs is not None:
            asked = {n.id for n in visit.needs if n.stage == "ask"}
            sure = {n.id for n in visit.needs} - asked
            stated = replace(
                stated,
                dropped_needs=frozenset(sure - needs),
                added_needs=frozenset(asked & needs),
            )
        return self.open(context, stated)

    def forget(self, context_id: str) -> None:
        """Read again the next time: the launch has ended, or a person asked for it."""
        with self._lock:
            self._slots.pop(context_id, None)

    def _slot(self, context_id: str) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(context_id, _Slot())
            self._slots.move_to_end(context_id)
            while len(self._slots) > MOST_KEPT:
                self._slots.popitem(last=False)
            self._let_go()
            return slot

    def _let_go(self) -> None:
        """Keep no patient's chart in memory that would not be shown any more, and no
        more than so many.
        """
        late = self.clock() - KEPT_FOR
        held = [slot for slot in self._slots.values() if slot.visit is not None]
        for number, slot in enumerate(held):  # the longest unused first
            too_many = len(held) - number > MOST_CHARTS
            if slot.visit is None:
                continue
            if not too_many and slot.visit.read_at > late:
                return
            slot.visit = None

    def _read(
        self, context: LaunchContext, stated: Stated, seen: Callable[[Chart], None]
    ) -> Visit:
        fhir = self.smart.fhir(context.id)
        now = self.clock()
        asked = self.side_by_side.submit(_capabilities, fhir)
        chart = read_chart(
            fhir,
            context.patient,
            encounter=context.encounter,
            now=now,
            scopes=context.scopes,
            side_by_side=self.side_by_side,
        )
        seen(chart)
        chart = self.terminology.added_to(chart, context.tenant, fhir)
        capabilities = asked.result()
        reading = _reading_of(context, chart)
        try:
            visit, shown = self._recommended(context, chart, stated, now)
        except BaseException:  # what was read is told, whatever comes of it
            self.trail.record(self.engine, reading)
            raise
        self.trail.record(self.engine, reading, shown)
        ehr = self.settings.ehr_of(context.tenant)
        return replace(
            visit,
            capabilities=capabilities,
            plan=plan_write(
                capabilities,
                context.scopes,
                quirks_of(ehr, capabilities),
                has_encounter=context.encounter is not None,
                may_sign=may_sign(context, ehr),
            ),
        )

    def _again(self, context: LaunchContext, visit: Visit, stated: Stated) -> Visit:
        fresh, shown = self._recommended(context, visit.chart, stated, visit.read_at)
        changed = event_of(
            context,
            "preferences.changed",
            {
                "dropped_needs": sorted(stated.dropped_needs),
                "added_needs": sorted(stated.added_needs),
            },
        )
        self.trail.record(self.engine, shown, changed)
        return replace(fresh, capabilities=visit.capabilities, plan=visit.plan)

    def _recommended(
        self, context: LaunchContext, chart: Chart, stated: Stated, read_at: datetime
    ) -> tuple[Visit, Event]:
        """The visit, and what the trail is to say of it."""
        ehr = self.settings.ehr_of(context.tenant)
        near = None if stated.anywhere else place_of(chart)
        found = recommend(
            chart,
            self.knowledge,
            stated.preferences,
            at=self.clock(),
            find_meetings=self.directory.next_meetings,
            near=near,
            country=chart.patient.country or ehr.country,
            language=ehr.language,
            added_needs=stated.added_needs,
            dropped_needs=stated.dropped_needs,
        )
        newest, meetings = self.directory.state()
        told = orjson.dumps(recommendation_json(found), option=orjson.OPT_SORT_KEYS)
        shown = event_of(
            context,
            "recommendation.shown",
            {
                "knowledge_version": found.knowledge_version,
                "directory_version": newest,
                "directory": meetings,
                "shown": hashlib.sha256(told).hexdigest(),
                "needs": [need.id for need in found.needs if need.stage != "ask"],
                "offered": list(found.offered),
                "removed": {one.id: one.kind for one in found.removed},
                "warnings": [w.id for w in found.warnings],
                "groups": groups_of(
                    found.age, chart.patient.gender, chart.patient.language
                ),
            },
        )
        visit = Visit(
            chart=chart,
            recommendation=found,
            plan=plan_write(None, context.scopes),
            capabilities=None,
            preferences=stated.preferences,
            near=near,
            needs=self._needs_of(chart, found, stated),
            stated=stated,
            read_at=read_at,
        )
        return visit, shown

    def _needs_of(
        self, chart: Chart, found: Recommendation, stated: Stated
    ) -> tuple[Need, ...]:
        """The chart's own needs, so that what was taken out can be put back."""
        if not stated.added_needs and not stated.dropped_needs:
            return found.needs
        return recommend(
            chart,
            self.knowledge,
            Preferences(),
            at=found.at,
            find_meetings=lambda _wanted: {},
        ).needs


def _reading_of(context: LaunchContext, chart: Chart) -> Event:
    versions = {c.reference: c.version for c in chart.conditions}
    versions |= {o.reference: o.version for o in chart.observations}
    versions |= {m.reference: m.version for m in chart.medications}
    return event_of(
        context,
        "chart.read",
        {
            "versions": versions,
            "searches": list(chart.searches),
            "could_not_check": list(chart.could_not_check),
            "incomplete": list(chart.incomplete),
            "unreadable": len(chart.unreadable),
        },
        "partial" if chart.could_not_check else "done",
    )


def place_of(chart: Chart) -> Place | None:
    """Where the patient lives, if the chart says it as a point."""
    patient = chart.patient
    if patient.latitude is None or patient.longitude is None:
        return None
    return Place(patient.latitude, patient.longitude)


def _capabilities(fhir: FhirClient) -> CapabilityStatement | None:
    """What the server takes; None where it would not say, which promises nothing."""
    try:
        return fhir.capabilities()
    except FhirError as error:
        log().warning("capabilities.unread", error=type(error).__name__)
        return None
