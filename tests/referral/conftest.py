"""A ledger on both databases, and a model EHR that does what it is told, or worse."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, func, select

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Trail
from plugin.fhir import checked
from plugin.referral.filed import Filed
from plugin.referral.job_time import clock_time
from plugin.referral.ledger import Ledger, NewJob, SignOutcome
from plugin.referral.outbox import Outbox
from plugin.referral.resources import document_reference, provenance, service_requests
from plugin.referral.results import BLOCKED
from plugin.referral.signed import (
    Acknowledgement,
    Choice,
    ChosenMeeting,
    SignedReferral,
    Site,
)
from plugin.referral.worker import Worker
from plugin.store.contexts import Contexts
from plugin.store.engine import reading
from plugin.store.referral_tables import write_jobs
from plugin.store.schema import moment
from smart_launch.capability import CapabilityStatement, ResourceCapability
from smart_launch.context import LaunchContext, hash_secret
from smart_launch.errors import (
    AnswerLost,
    FhirBusy,
    FhirError,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)
from smart_launch.fhir_client import Created, Entry, SearchResult, in_compartment
from smart_launch.scopes import Scopes
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.tokens import Grant

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SITE = Site(public_url="https://selfhelp.example.org")
SCOPES = Scopes.parse(
    "patient/Patient.r patient/ServiceRequest.crs patient/DocumentReference.crs "
    "patient/Provenance.crs"
)
Answer = Callable[["FakeEhr", str, dict[str, Any]], Created]


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeEhr:
    """Counts what it receives. `script` says how the next creates are answered."""

    clock: SetClock
    records: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    posts: Counter[str] = field(default_factory=Counter)
    reads: Counter[str] = field(default_factory=Counter)
    searches: list[tuple[datetime, str, str]] = field(default_factory=list)
    conditions: list[str | None] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    late: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    searchable: bool = True
    conditional: bool = False
    search_error: FhirError | None = None
    incomplete: bool = False
    patient: dict[str, Any] | FhirError = field(default_factory=dict)
    unreadable_capabilities: bool = False
    puts: list[tuple[str, str]] = field(default_factory=list)  # launch, reference
    versions: Counter[str] = field(default_factory=Counter)
    versioned: bool = True
    if_match: str | None = None
    relaunch: set[str] = field(default_factory=set)  # contexts whose grant is over
    on_post: Callable[[], None] | None = None

    def commit(self, kind: str, resource: dict[str, Any]) -> str:
        number = f"{kind[:2].lower()}-{len(self.records[kind]) + 1}"
        self.records[kind].append(resource | {"id": number})
        return number

    def kept(self, kind: str, number: str) -> Entry:
        for one in self.records[kind]:
            if one["id"] == number:
                version = self.version(kind, number) if self.versioned else None
                return Entry(one, orjson.dumps(one), version)
        raise NotFound("none", http_status=404, outcome="")

    def version(self, kind: str, number: str) -> str:
        return str(self.versions[f"{kind}/{number}"] + 1)

    def put(self, kind: str, resource: dict[str, Any]) -> dict[str, Any]:
        """Replace it, where its version is the one that was asked for."""
        name = f"{kind}/{resource['id']}"
        if self.if_match != self.version(kind, resource["id"]):
            raise FhirRefused("not this version", http_status=412, outcome="")
        numbers = [one["id"] for one in self.records[kind]]
        self.records[kind][numbers.index(resource["id"])] = resource
        self.versions[name] += 1
        return resource

    def settle_late(self) -> None:
        due = [one for one in self.late if one[0] <= self.clock.now]
        self.late = [one for one in self.late if one not in due]
        for _, kind, resource in due:
            self.commit(kind, resource)

    def only(self, kind: str) -> dict[str, Any]:
        (record,) = self.records[kind]
        return record


@dataclass
class FakeClient:
    """The part of FhirClient that the writer uses, for one launch."""

    ehr: FakeEhr
    context_id: str
    patient: str

    def create(
        self, resource_type: str, body: bytes, *, if_none_exist: str | None = None
    ) -> Created:
        if self.context_id in self.ehr.relaunch:
            raise RelaunchNeeded("the grant is over")
        self.ehr.settle_late()
        self.ehr.posts[resource_type] += 1
        self.ehr.conditions.append(if_none_exist)
        if self.ehr.on_post:
            self.ehr.on_post()
        script = self.ehr.script
        answer = script.pop(0) if script else self.ehr.always or created
        return answer(self.ehr, resource_type, orjson.loads(body))

    def search(
        self, resource_type: str, params: Sequence[tuple[str, str]]
    ) -> SearchResult:
        if self.context_id in self.ehr.relaunch:
            raise RelaunchNeeded("the grant is over")
        self.ehr.settle_late()
        ((name, value),) = params
        self.ehr.searches.append((self.ehr.clock.now, resource_type, value))
        if self.ehr.search_error:
            raise self.ehr.search_error
        found = [
            one for one in self.ehr.records[resource_type] if _matches(one, name, value)
        ]
        return SearchResult(entries=found, incomplete=self.ehr.incomplete)

    def read(self, resource_type: str, resource_id: str) -> Entry:
        self.ehr.reads[resource_type] += 1
        if resource_type != "Patient":
            if self.context_id in self.ehr.relaunch:
                raise RelaunchNeeded("the grant is over")
            return self.ehr.kept(resource_type, resource_id)
        if isinstance(self.ehr.patient, FhirError):
            raise self.ehr.patient
        resource = {"resourceType": "Patient", "id": resource_id, **self.ehr.patient}
        return Entry(resource, b"")

    def update(
        self,
        resource_type: str,
        resource_id: str,
        body: bytes,
        *,
        if_match: str | None = None,
    ) -> Created:
        if self.context_id in self.ehr.relaunch:
            raise RelaunchNeeded("the grant is over")
        self.ehr.puts.append((self.context_id, f"{resource_type}/{resource_id}"))
        script = self.ehr.script
        answer = script.pop(0) if script else self.ehr.always or changed
        resource = orjson.loads(body)
        self.ehr.if_match = if_match
        return answer(self.ehr, resource_type, resource)

    def capabilities(self) -> CapabilityStatement:
        if self.ehr.unreadable_capabilities:
            raise FhirUnavailable("no metadata")
        params = {"identifier", "target"} if self.ehr.searchable else set()
        resource = ResourceCapability(
            interactions=frozenset({"create", "search-type"}),
            search_params=frozenset(params),
            conditional_create=self.ehr.conditional,
        )
        kinds = ("ServiceRequest", "DocumentReference", "Provenance", "Task")
        return CapabilityStatement("4.0.1", "fake", dict.fromkeys(kinds, resource))

    def concerns_patient(self, resource: dict[str, Any]) -> bool:
        return in_compartment(resource, self.patient)


def _matches(resource: dict[str, Any], name: str, value: str) -> bool:
    if name == "target":
        return value in [one["reference"] for one in resource.get("target", [])]
    return value in [
        f"{one['system']}|{one['value']}" for one in resource.get("identifier", [])
    ]


# How a create may be answered


def created(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    return Created(201, ehr.commit(kind, resource), "1", None)


def echoed(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    number = ehr.commit(kind, resource)
    return Created(201, number, "1", resource | {"id": number})


def changed(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    kept = ehr.put(kind, resource)
    return Created(200, kept["id"], None, kept)


def changed_lost(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    ehr.put(kind, resource)
    raise AnswerLost("cut")


def changed_unshown(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    ehr.put(kind, resource)
    return Created(200, resource["id"], None, None)


def not_changed(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    """A server that says yes and does not do it."""
    del ehr, kind
    return Created(200, resource["id"], None, resource | {"status": "active"})


def changed_by_others(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    """Somebody adds to it between our reading and our writing."""
    name = f"{kind}/{resource['id']}"
    ehr.versions[name] += 1
    for one in ehr.records[kind]:
        if one["id"] == resource["id"]:
            one["note"] = [{"text": "Called the patient."}]
    return changed(ehr, kind, resource)


def without_location(status: int) -> Answer:
    def answer(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
        ehr.commit(kind, resource)
        return Created(status, None, None, None)

    return answer


def for_another_patient(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    moved = resource | {"subject": {"reference": "Patient/other"}}
    number = ehr.commit(kind, moved)
    return Created(201, number, "1", moved | {"id": number})


def lost_after_commit(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
    ehr.commit(kind, resource)
    raise AnswerLost("cut")


def lost_before_commit(_ehr: FakeEhr, _kind: str, _resource: dict[str, Any]) -> Created:
    raise AnswerLost("cut")


def committed_late(seconds: float) -> Answer:
    def answer(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
        due = ehr.clock.now + timedelta(seconds=seconds)
        ehr.late.append((due, kind, resource))
        raise AnswerLost("cut")

    return answer


def accepted_late(seconds: float) -> Answer:
    def answer(ehr: FakeEhr, kind: str, resource: dict[str, Any]) -> Created:
        due = ehr.clock.now + timedelta(seconds=seconds)
        ehr.late.append((due, kind, resource))
        return Created(202, None, None, None)

    return answer


def answered(status: int, *, retry_after: float | None = None) -> Answer:
    """An answer that is an error, and nothing was done."""

    def answer(_ehr: FakeEhr, _kind: str, _resource: dict[str, Any]) -> Created:
        words = "<b>not</b> allowed here"
        if status in (429, 503):
            raise FhirBusy("busy", http_status=status, retry_after=retry_after)
        if status == 403:
            raise NotPermitted("no", http_status=status, outcome=words)
        if status in (404, 410):
            raise NotFound("none", http_status=status, outcome=words)
        if status == 307:
            raise UnreadableAnswer("moved", http_status=status)
        if status >= 500:
            raise FhirUnavailable("down", http_status=status)
        raise FhirRefused("no", http_status=status, outcome=words)

    return answer


@dataclass
class Room:
    """All of it, on one database."""

    engine: Engine
    clock: SetClock
    trail: Trail
    contexts: Contexts
    ledger: Ledger
    ehr: FakeEhr
    worker: Worker
    outbox: Outbox

    def launch(self, context_id: str = "ctx-1", **changes: Any) -> LaunchContext:
        context = replace(_context(context_id, self.clock.now), **changes)
        grant = Grant(
            access_token=Secret("token"),
            refresh_token=Secret("refresh"),
            scope=str(context.scopes),
            expires_at=self.clock.now + timedelta(hours=1),
            patient=context.patient,
        )
        self.contexts.create(context, grant)
        return context

    def sign(
        self,
        context: LaunchContext,
        *,
        choices: int = 1,
        key: str = "key-1",
        kinds: Iterable[str] = ("ServiceRequest", "DocumentReference", "Provenance"),
        **changes: Any,
    ) -> SignOutcome:
        signed = self.signed(context, choices=choices, **changes)
        jobs = self.jobs(signed, kinds)
        return self.ledger.sign(context, signed, jobs, key=key, digest=signed.note)

    def signed(
        self, context: LaunchContext, *, choices: int = 1, **changes: Any
    ) -> SignedReferral:
        return signed_referral(context, self.clock.now, choices, **changes)

    def jobs(self, signed: SignedReferral, kinds: Iterable[str]) -> list[NewJob]:
        wanted = set(kinds)
        return [job for job in jobs_of(signed) if job.kind in wanted]

    def work(self, seconds: float = 0.0) -> None:
        """Do all that is due, now and while the clock moves on to the next that is."""
        until = self.clock.now + timedelta(seconds=seconds)
        while True:
            self.worker.jobs.wake()
            while self.worker.run_once():
                pass
            if self.clock.now >= until:
                return
            self.clock.now = min(self._next_due(), until)

    def _next_due(self) -> datetime:
        with reading(self.engine) as connection:
            due = connection.scalar(select(func.min(write_jobs.c.due)))
        soonest = self.clock.now + timedelta(milliseconds=100)
        never = due is None or due > BLOCKED - 1
        return max(soonest, NOON + timedelta(days=90) if never else moment(due))

    def filed(self, referral_id: str) -> Filed:
        return self.ledger.referral(referral_id)

    def states(self, referral_id: str) -> list[str]:
        return [one.status for one in self.filed(referral_id).resources]


def _context(context_id: str, now: datetime) -> LaunchContext:
    return LaunchContext(
        id=context_id,
        tenant="general",
        issuer="https://fhir.general.example/r4",
        patient="pat-1",
        encounter="enc-1",
        fhir_user="Practitioner/7",
        subject="sub-7",
        user_name="Dr. Ada",
        scopes=SCOPES,
        need_patient_banner=True,
        intent=None,
        smart_style_url=None,
        fhir_context=(),
        app_context=None,
        launched_at=now,
        expires_at=now + timedelta(hours=48),
        secret_hash=hash_secret("secret"),
    )


def signed_referral(
    context: LaunchContext, now: datetime, choices: int = 1, **changes: Any
) -> SignedReferral:
    meeting = ChosenMeeting(
        id="m-1",
        name="Tuesday group",
        starts=now + timedelta(days=1),
        attendance="in-person",
        where="1 Main Street",
    )
    chosen = [
        Choice("aa", "Alcoholics Anonymous", meeting, ("near",), ("Condition/1",), ()),
        Choice("smart", "SMART Recovery", None, ("secular",), (), ("alcohol",)),
    ]
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "tenant": context.tenant,
        "patient": context.patient,
        "encounter": context.encounter,
        "author": context.fhir_user,
        "author_name": context.user_name,
        "choices": tuple(chosen[:choices]),
        "note": "Two groups were discussed.",
        "agreement": "named",
        "acknowledged": (Acknowledgement("S6b", "low", date(2026, 3, 9)),),
        "signed_at": now,
    }
    return SignedReferral(**(values | changes))


def jobs_of(signed: SignedReferral) -> list[NewJob]:
    system = SITE.identifier_system
    orders = [
        NewJob("ServiceRequest", checked(order), system, f"{signed.id}.{number}")
        for number, order in enumerate(service_requests(signed, SITE), start=1)
    ]
    note = checked(document_reference(signed, SITE, []))
    return [
        *orders,
        NewJob("DocumentReference", note, system, signed.id),
        NewJob("Provenance", checked(provenance(signed, SITE, []))),
    ]


def a_room(engine: Engine) -> Room:
    clock = SetClock()
    trail = Trail(AuditKeys([b"\x05" * 32]), clock)
    contexts = Contexts(engine, Seal({"k1": b"\x01" * 32}, "k1"), clock)
    ehr = FakeEhr(clock)
    now = clock_time(clock)

    def fhir_for(context_id: str) -> FakeClient:
        context, _ = contexts.load(context_id)
        return FakeClient(ehr, context_id, context.patient)

    return Room(
        engine,
        clock,
        trail,
        contexts,
        Ledger(engine, trail, clock, now),
        ehr,
        Worker(engine, trail, contexts, fhir_for, clock, now),
        Outbox(engine, trail, now),
    )


@pytest.fixture
def room(engine: Engine) -> Room:
    return a_room(engine)


@pytest.fixture
def make_room() -> Callable[[Engine], Room]:
    """For a test that needs many."""
    return a_room


@pytest.fixture
def answers() -> Any:
    """The ways in which a create may be answered, by name."""
    return _ANSWERS


class _ANSWERS:
    created = staticmethod(created)
    echoed = staticmethod(echoed)
    changed = staticmethod(changed)
    changed_lost = staticmethod(changed_lost)
    changed_unshown = staticmethod(changed_unshown)
    not_changed = staticmethod(not_changed)
    changed_by_others = staticmethod(changed_by_others)
    without_location = staticmethod(without_location)
    for_another_patient = staticmethod(for_another_patient)
    lost_after_commit = staticmethod(lost_after_commit)
    lost_before_commit = staticmethod(lost_before_commit)
    committed_late = staticmethod(committed_late)
    accepted_late = staticmethod(accepted_late)
    answered = staticmethod(answered)
