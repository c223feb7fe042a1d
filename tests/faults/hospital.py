"""A hospital for the faults: the app's parts on a database, and a sandbox EHR beside.

Used by the tests here and by the long runs in tests/load.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import requests
from pydantic import SecretBytes
from sqlalchemy import select
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox, start_sandbox
from plugin.app import create_app
from plugin.audit.verify import verify
from plugin.fhir import checked
from plugin.house import House
from plugin.referral.filed import Filed
from plugin.referral.ledger import NewJob
from plugin.referral.resources import document_reference, provenance, service_requests
from plugin.referral.signed import Choice, ChosenMeeting, SignedReferral
from plugin.referral.worker import Worker
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.referral_tables import write_jobs
from smart_launch.context import LaunchContext

APP = "https://app.test"
# What a person would see in the record; a Provenance may be left to a person.
COUNTED = ("ServiceRequest", "DocumentReference")
ALL = (*COUNTED, "Provenance")


def settings_of(database_url: str, issuers: Mapping[str, str]) -> Settings:
    """Takes: the EHRs' addresses by tenant."""
    return Settings.model_validate(
        {
            "public_url": APP,
            "database_url": database_url,
            "allow_loopback_http": True,
            "ehr": [
                {"id": tenant, "issuer": issuer, "client_id": "selfhelp"}
                for tenant, issuer in issuers.items()
            ],
            "master_keys": [SecretBytes(bytes(range(32)))],
            "audit_keys": [SecretBytes(bytes(range(32, 64)))],
        }
    )


def worker_of(house: House, lease: timedelta, **limits: int) -> Worker:
    """A worker as the app has it, with shorter leases: a killed one's end sooner."""
    return Worker(
        house.engine,
        house.trail,
        house.contexts,
        house.smart.fhir,
        house.clock,
        lease=lease,
        **limits,
    )


@dataclass(frozen=True, slots=True)
class Hospital:
    """Open: its app is started, without a worker."""

    settings: Settings
    sandbox: Any  # running, here or in another process
    house: House
    client: TestClient

    def launch(self, patient: str = "alcohol") -> LaunchContext:
        """A whole launch, and the clinician's grant with it."""
        sandbox = self.sandbox
        asked = {
            "iss": sandbox.issuer(),
            "launch": sandbox.mint_launch(patient),
        }
        away = self._get("/launch", asked).headers["location"]
        back = requests.get(away, allow_redirects=False, timeout=20)
        done = self._get(back.headers["location"].removeprefix(APP))
        context_id = done.headers["location"].split("/")[2]
        return self.house.contexts.load(context_id)[0]

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        answer = self.client.get(path, params=params, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer

    def sign(
        self, context: LaunchContext, count: int, kinds: Sequence[str] = ALL
    ) -> list[str]:
        """So many decisions of one choice each. Gives the referrals' ids."""
        return [self._sign(context, kinds) for _ in range(count)]

    def _sign(self, context: LaunchContext, kinds: Sequence[str]) -> str:
        signed = _signed(context)
        site = self.house.signing.site(context.tenant)
        system = site.identifier_system
        (order,) = service_requests(signed, site)
        note = document_reference(signed, site, [])
        jobs = [
            NewJob("ServiceRequest", checked(order), system, f"{signed.id}.1"),
            NewJob("DocumentReference", checked(note), system, signed.id),
            NewJob("Provenance", checked(provenance(signed, site, []))),
        ]
        wanted = [job for job in jobs if job.kind in kinds]
        self.house.ledger.sign(context, signed, wanted, key=signed.id, digest="x")
        return signed.id

    def filed(self, referral: str) -> Filed:
        return self.house.ledger.referral(referral)

    def open_jobs(self, referrals: Sequence[str]) -> Counter[str]:
        """What is not settled of orders and notes, by its state."""
        open_ones = select(write_jobs.c.status).where(
            write_jobs.c.referral_id.in_(referrals),
            write_jobs.c.kind.in_(COUNTED),
            write_jobs.c.status != "written",
        )
        with reading(self.house.engine) as connection:
            return Counter(connection.scalars(open_ones))

    def told(self, kinds: Sequence[str]) -> list[dict[str, Any]]:
        rows = select(audit_events.c.canonical).where(audit_events.c.kind.in_(kinds))
        with reading(self.house.engine) as connection:
            return [orjson.loads(one) for one in connection.scalars(rows)]

    def findings(self, referrals: Sequence[str]) -> list[str]:
        """What is not as it must be: by the EHR's own count, and by the trail's."""
        return [*self._miscounted(referrals), *self._untold(referrals)]

    def _miscounted(self, referrals: Sequence[str]) -> Iterator[str]:
        counts = self.sandbox.counts
        made: Counter[tuple[str, str]] = Counter()
        for write in counts.writes():
            made.update((write.type, name) for name in write.identifiers)
        for referral in referrals:
            expected = (("ServiceRequest", f"{referral}.1"), (COUNTED[1], referral))
            for kind, name in expected:
                if made[kind, name] != 1:
                    yield f"{kind} {name}: {made[kind, name]} in the EHR"
        total = len(counts.writes("ServiceRequest"))
        if total != len(referrals):
            yield f"{total} orders in the EHR for {len(referrals)} referrals"
        if counts.wrong_patient:
            yield f"{counts.wrong_patient} uses for another patient"

    def _untold(self, referrals: Sequence[str]) -> Iterator[str]:
        verdict = verify(self.house.engine, self.house.trail.keys)
        if not verdict.whole:
            yield f"the trail is broken: {verdict.findings}"
        signed = [one["detail"]["referral"] for one in self.told(["referral.signed"])]
        if sorted(signed) != sorted(referrals):
            yield f"{len(signed)} signatures told of {len(referrals)}"
        written = Counter(
            (one["detail"]["kind"], one["detail"]["identifier"], one["context"])
            for one in self.told(["write.written"])
            if one["detail"]["kind"] in COUNTED
        )
        yield from (f"told {n} times: {what}" for what, n in written.items() if n != 1)
        if len(written) != len(COUNTED) * len(referrals):
            yield f"{len(written)} writes told of {len(COUNTED) * len(referrals)}"


@contextmanager
def sandbox_of_its_own() -> Iterator[RunningSandbox]:
    """It takes no conditional create: what comes twice is kept twice."""
    sandbox = start_sandbox()
    main = sandbox.site()
    main.flavour = replace(main.flavour, conditional_create=False)
    try:
        yield sandbox
    finally:
        sandbox.stop()


@contextmanager
def hospital(database_url: str, sandbox: Any) -> Iterator[Hospital]:
    """Takes: `sandbox`, a running one, or what stands for one in another process."""
    settings = settings_of(database_url, {"general": sandbox.issuer()})
    app = create_app(settings, with_worker=False)
    with TestClient(app, base_url=APP) as client:
        house = app.state.house
        sandbox.register_client(APP, jwks=house.smart.keys.public_jwks())
        yield Hospital(settings, sandbox, house, client)


def _signed(context: LaunchContext) -> SignedReferral:
    now = datetime.now(UTC)
    meeting = ChosenMeeting(
        "m-1", "Evening meeting", now + timedelta(days=1), "online", ""
    )
    return SignedReferral(
        id=str(uuid.uuid4()),
        tenant=context.tenant,
        patient=context.patient,
        encounter=context.encounter,
        author=context.fhir_user,
        author_name=context.user_name,
        choices=(Choice("smart", "SMART Recovery", meeting, (), (), ("alcohol",)),),
        note="A self-help group was agreed on.",
        agreement="named",
        acknowledged=(),
        signed_at=now,
    )
