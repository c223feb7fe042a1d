"""Puts a chart together entry by entry: one bad entry never hides the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from plugin.chart.chart import (
    Chart,
    Condition,
    Consent,
    EarlierReferral,
    Encounter,
    Medication,
    Observation,
    Patient,
    Source,
    Unreadable,
)
from plugin.chart.errors import Unusable
from plugin.chart.extract import (
    condition_of,
    consent_of,
    encounter_of,
    referral_of,
)
from plugin.chart.extract_results import (
    FindMedication,
    answers_of,
    medication_of,
    observations_of,
)
from plugin.chart.json_shapes import Json, codings, many, one, text
from plugin.chart.references import bundle_id, name_of, plain_reference

T = TypeVar("T")
SUPPORT_GROUP = "711281004"  # SNOMED CT, "Referral to support group (procedure)"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose entries may be used.

    `names` are all references by which the patient is known; `lenient` lets an entry
    that names nobody pass, as in a file that holds one patient only.
    """

    names: frozenset[str]
    identifiers: frozenset[tuple[str, str]] = frozenset()
    lenient: bool = False

    def check(self, subject: object) -> None:
        """Raise `Unusable` where an entry is another's, or says not whose it is."""
        element = one(subject)
        sent = text(element.get("reference"))
        if sent:
            if not {sent, plain_reference(sent), bundle_id(sent)} & self.names:
                raise Unusable("it belongs to another patient")
            return
        identifier = one(element.get("identifier"))
        key = (text(identifier.get("system")), text(identifier.get("value")))
        if key[1]:
            if key not in self.identifiers:
                raise Unusable("it belongs to another patient")
        elif not self.lenient:
            raise Unusable("it does not say whose it is")


def owner_of(patient: Json, reference: str, *, lenient: bool, url: str = "") -> Owner:
    names = {reference, text(url), plain_reference(text(url)), bundle_id(text(url))}
    identifiers = {
        (text(i.get("system")), text(i.get("value")))
        for i in many(patient.get("identifier"))
    }
    return Owner(
        frozenset(name for name in names if name),
        frozenset(key for key in identifiers if key[1]),
        lenient,
    )


@dataclass(slots=True)
class Collector:
    owner: Owner
    find_medication: FindMedication
    conditions: dict[str, Condition] = field(default_factory=dict)
    observations: dict[str, tuple[Observation, ...]] = field(default_factory=dict)
    medications: dict[str, Medication] = field(default_factory=dict)
    encounters: dict[str, Encounter] = field(default_factory=dict)
    consents: dict[str, Consent] = field(default_factory=dict)
    referrals: dict[str, EarlierReferral] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, place: int, resource: Json, full_url: str = "") -> None:
        """Take one resource; what cannot be used is kept with its reason."""
        kind = text(resource.get("resourceType"))
        reader = _READERS.get(kind)
        if reader is None:
            return
        try:
            self.owner.check(resource.get("subject") or resource.get("patient"))
            reader(self, resource, name_of(resource, full_url, place))
        except Unusable as reason:
            self.set_aside(place, f"{kind}: {reason}", kind)

    def set_aside(self, place: int, reason: str, source: str = "") -> None:
        self.unreadable.append(Unreadable(place, reason, source))

    def chart(
        self,
        patient: Patient,
        now: datetime,
        *,
        could_not_check: Iterable[Source] = (),
        incomplete: Iterable[Source] = (),
        encounter: str = "",
    ) -> Chart:
        results = [o for group in self.observations.values() for o in group]
        return Chart(
            patient=patient,
            conditions=tuple(self.conditions.values()),
            observations=tuple(results),
            medications=tuple(self.medications.values()),
            encounters=tuple(self.encounters.values()),
            consents=tuple(self.consents.values()),
            referrals=tuple(self.referrals.values()),
            unreadable=tuple(self.unreadable),
            could_not_check=tuple(could_not_check),
            incomplete=tuple(incomplete),
            read_at=now,
            encounter=encounter,
        )

    def _keep(self, held: dict[str, T], name: str, value: T) -> None:
        """The first of a name; the same one again, as from two searches, is no fault.

        Raises: Unusable, for another that bears its name.
        """
        if held.setdefault(name, value) != value:
            raise Unusable(f"{name} stands there twice, and not alike")

    def _condition(self, resource: Json, name: str) -> None:
        self._keep(self.conditions, name, condition_of(resource, name))

    def _observation(self, resource: Json, name: str) -> None:
        self._keep(self.observations, name, observations_of(resource, name))

    def _answers(self, resource: Json, name: str) -> None:
        self.observations.setdefault(name, answers_of(resource, name))

    def _medication(self, resource: Json, name: str) -> None:
        medication = medication_of(resource, name, self.find_medication)
        if medication is not None:
            self._keep(self.medications, name, medication)

    def _encounter(self, resource: Json, name: str) -> None:
        self.encounters.setdefault(name, encounter_of(resource, name))

    def _consent(self, resource: Json, name: str) -> None:
        self.consents.setdefault(name, consent_of(resource, name))

    def _referral(self, resource: Json, name: str) -> None:
        if any(c.code == SUPPORT_GROUP for c in codings(resource.get("code"))):
            self.referrals.setdefault(name, referral_of(resource, name))


_READERS: dict[str, Callable[[Collector, Json, str], Any]] = {
    "Condition": Collector._condition,
    "Observation": Collector._observation,
    "QuestionnaireResponse": Collector._answers,
    "MedicationRequest": Collector._medication,
    "Encounter": Collector._encounter,
    "Consent": Collector._consent,
    "ServiceRequest": Collector._referral,
}
