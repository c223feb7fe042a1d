"""The only place where concrete parts meet: `Settings` in, an ASGI app out."""

import os
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Lifespan

from plugin.audit.balp import Site
from plugin.audit.errors import AuditError
from plugin.audit.installation import Installation, parts_of
from plugin.audit.provider import provider_of
from plugin.audit.repository import Repository
from plugin.audit.reviewer import Roles
from plugin.audit.sending import Sending
from plugin.audit.sessions import Sessions
from plugin.audit.sign_in import SignIn
from plugin.cds_hooks import routes as cds_routes
from plugin.cds_hooks.admission import Admission
from plugin.cds_hooks.callers import Callers
from plugin.cds_hooks.cards import Writer
from plugin.cds_hooks.cors import cors_of
from plugin.cds_hooks.counting import Count, not_counted
from plugin.cds_hooks.deciding import Deciding
from plugin.cds_hooks.desk import Desk
from plugin.cds_hooks.fetching import Fetching
from plugin.cds_hooks.reporting import Reporting
from plugin.cds_hooks.routes import CdsService
from plugin.cds_hooks.rule_sheets import RuleSheets
from plugin.cds_hooks.spent import SpentTokens
from plugin.cds_hooks.wording import Wording
from plugin.chart.kinds import Kinds
from plugin.chart.terminology import Terminology, TerminologyServer
from plugin.clock import Clock, system_clock
from plugin.directory.demo.load import load_demo
from plugin.directory.directory import Directory
from plugin.directory.errors import DirectoryError, FeedBusy
from plugin.foundation import Foundation, lay
from plugin.house import House
from plugin.knowledge.load import Knowledge, load_knowledge
from plugin.logs import log
from plugin.operations import documents
from plugin.operations import routes as operations_routes
from plugin.operations.ehr_calls import CountedOutbound
from plugin.operations.health import Health
from plugin.operations.housekeeping import Housekeeping
from plugin.operations.metrics import Metrics
from plugin.operations.readings import Readings
from plugin.operations.routes import Operations
from plugin.operations.watch import Watched
from plugin.referral.errors import ReferralError
from plugin.referral.ledger import Ledger
from plugin.referral.signing import Signing
from plugin.referral.worker import Worker
from plugin.screens import routers
from plugin.screens.errors import ScreenError, told
from plugin.screens.said import said_in
from plugin.screens.security import Guarded
from plugin.screens.words import Words
from plugin.settings import Settings
from plugin.settings.registrations import (
    audit_repository,
    backend_scopes,
    registrations,
    terminology_server,
)
from plugin.store.errors import StoreError
from plugin.version import VERSION
from plugin.visit import Visits
from smart_launch.backend_services import BackendServices
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.discovery import Discovery
from smart_launch.ehr_keys import EhrKeys
from smart_launch.errors import SmartError
from smart_launch.outbound import Outbound
from smart_launch.secret import Secret
from smart_launch.smart_client import SmartClient

# How long a write that is under way may take to end when the app is stopped.
_GRACE = 20.0  # seconds
# Reads under way at a time in this process: those of all requests that it serves at
# once (40), eleven each. A read never waits for another one's thread.
_READS = 480

_TOLD = (
    ScreenError,
    SmartError,
    StoreError,
    AuditError,
    ReferralError,
    DirectoryError,
    HTTPException,
    RequestValidationError,
)


def create_app(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    outbound: Outbound | None = None,
    with_worker: bool = True,
) -> FastAPI:
    """Put the app together. Nothing is connected before its lifespan begins.

    Takes:  `with_worker`, whether signed referrals are written from this process.
    """
    foundation = lay(settings, clock)
    health = Health(foundation)
    metrics = Metrics(Readings(foundation, health))
    house = furnish(
        foundation, outbound or CountedOutbound(called=metrics.called), metrics.card
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(foundation.prepare)
        if settings.demo_directory:
            await to_thread.run_sync(_fill, house.directory)
        await to_thread.run_sync(_note_changes, foundation, house)
        stop = threading.Event()
        threads = [_started("housekeeping", Housekeeping(foundation).run, stop)]
        if with_worker:
            threads.append(_started("worker", house.worker.run, stop))
            sending = audit_sending(foundation, house.smart.outbound)
            if sending is not None:
                threads.append(_started("audit sending", sending.run, stop))
        log().info("app.ready", version=VERSION)
        try:
            yield
        finally:
            stop.set()
            house.worker.nudge()
            for thread in threads:
                await to_thread.run_sync(thread.join, _GRACE)
            house.reads.shutdown(wait=False, cancel_futures=True)
            foundation.engine.dispose()
            log().info("app.stopped")

    app = described(lifespan)
    app.state.house = house
    app.state.operations = Operations(
        settings, health, metrics, foundation.signing_keys, CapacityLimiter(4)
    )
    if settings.allow_loopback_http:
        app.include_router(documents.routes)
    for error in _TOLD:
        app.add_exception_handler(error, _tell)
    app.add_middleware(Guarded, settings=settings)
    app.add_middleware(Watched, metrics=metrics)
    return app


def furnish(
    foundation: Foundation, outbound: Outbound, count_card: Count = not_counted
) -> House:
    """Every part, each made once and handed to whoever needs it."""
    settings, clock, engine = foundation.settings, foundation.clock, foundation.engine
    trail, contexts = foundation.trail, foundation.contexts
    smart = SmartClient(
        registrations=registrations(settings),
        outbound=outbound,
        discovery=Discovery(outbound),
        seal=foundation.seal,
        keys=foundation.signing_keys,
        grants=contexts,
        states=contexts,
        clock=clock,
        random=os.urandom,
        session=timedelta(hours=settings.sessions.absolute_hours),
    )
    own_access = BackendServices(
        registrations=smart.registrations,
        outbound=outbound,
        discovery=smart.discovery,
        keys=smart.keys,
        clock=clock,
        random=smart.random,
        scopes=backend_scopes(settings),
    )
    knowledge = load_knowledge(settings.site_file)
    directory = Directory(engine, clock)
    ledger = Ledger(engine, trail, clock)
    signing = Signing(ledger, trail, directory, settings, clock, uuid.uuid4)
    reads = ThreadPoolExecutor(_READS, thread_name_prefix="reads")
    fetching = Fetching(outbound, reads)
    visits = Visits(
        smart,
        knowledge,
        directory,
        trail,
        engine,
        clock,
        settings,
        _terminology(settings, knowledge, outbound, clock),
        reads,
    )
    return House(
        settings=settings,
        clock=clock,
        engine=engine,
        trail=trail,
        contexts=contexts,
        smart=smart,
        knowledge=knowledge,
        directory=directory,
        reads=reads,
        visits=visits,
        signing=signing,
        ledger=ledger,
        worker=Worker(engine, trail, contexts, smart.fhir, clock, own=own_access),
        cds=_cds(foundation, fetching, visits, signing, count_card),
        reviewers=_reviewers(foundation),
        sign_in=_sign_in(foundation, outbound),
    )


def _terminology(
    settings: Settings, knowledge: Knowledge, outbound: Outbound, clock: Clock
) -> Terminology:
    own = terminology_server(settings)
    return Terminology(
        Kinds(knowledge.listed_snomed, clock),
        TerminologyServer(own, outbound) if own else None,
        frozenset(ehr.id for ehr in settings.ehrs if ehr.terminology),
    )


def _cds(
    foundation: Foundation,
    fetching: Fetching,
    visits: Visits,
    signing: Signing,
    count: Count,
) -> CdsService:
    settings, clock, engine = foundation.settings, foundation.clock, foundation.engine
    trail, smart, knowledge = foundation.trail, visits.smart, visits.knowledge
    admission = Admission(
        smart.registrations,
        Callers(settings, smart.registrations, EhrKeys(fetching.outbound), clock),
        SpentTokens(clock),
        knowledge,
        trail,
        engine,
        clock,
    )
    ledger = signing.ledger
    deciding = Deciding(
        admission,
        fetching,
        visits.terminology,
        settings,
        knowledge,
        ledger,
        engine,
        clock,
        partial(_wording, settings),
    )
    writer = Writer(settings.origin)
    return CdsService(
        admission,
        Desk(admission, deciding, signing, writer, trail, engine, clock, count=count),
        Reporting(admission, trail, engine, foundation.seal, clock, count),
        cors_of(settings),
        RuleSheets(knowledge),
        settings.origin,
    )


def _wording(settings: Settings, tenant: str) -> Wording:
    """How cards speak at one EHR."""
    ehr = settings.ehr_of(tenant)
    words = Words.of(ehr.language, ehr.country)
    return Wording(words.say, partial(said_in, words))


def audit_sending(foundation: Foundation, outbound: Outbound) -> Sending | None:
    """What sends AuditEvents; None where no repository is set."""
    settings = foundation.settings
    said, registration = settings.audit_repository, audit_repository(settings)
    if said is None or registration is None:
        return None
    token = Secret(said.token.get_secret_value()) if said.token else None
    return Sending(
        foundation.engine,
        foundation.trail,
        Repository(registration, outbound, token),
        {ehr.id: Site.of(settings, ehr.id) for ehr in settings.ehrs},
        foundation.clock,
    )


def _reviewers(foundation: Foundation) -> Sessions:
    lasting = foundation.settings.sessions
    return Sessions(
        foundation.engine,
        foundation.seal,
        foundation.clock,
        idle=timedelta(minutes=lasting.idle_minutes),
        absolute=timedelta(hours=lasting.absolute_hours),
    )


def _sign_in(foundation: Foundation, outbound: Outbound) -> SignIn | None:
    """The sign-in of those who review the trail; None where none is set up."""
    settings, clock = foundation.settings, foundation.clock
    login = settings.audit_login
    authenticator = ClientAuthenticator(foundation.signing_keys, clock, os.urandom)
    provider = provider_of(settings, outbound, authenticator)
    if login is None or provider is None:
        return None
    only = settings.ehrs[0].id if len(settings.ehrs) == 1 else ""
    roles = Roles(
        login.role_claim,
        login.role,
        login.administrator_role,
        login.tenant_claim,
        only,
    )
    return SignIn(provider, roles, foundation.seal, foundation.contexts, clock)


def described(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The interface alone; it is all that `selfhelp openapi` needs."""
    app = FastAPI(
        title="Self-help referral",
        version=VERSION,
        summary="Self-help groups from the chart, referred to and written back.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.include_router(operations_routes.routes)
    app.include_router(cds_routes.router)
    for router in routers():
        app.include_router(router)
    return app


def _note_changes(foundation: Foundation, house: House) -> None:
    """Record what is other than when the app was last started."""
    now = parts_of(foundation.settings, app=VERSION, knowledge=house.knowledge.version)
    installation = Installation(foundation.engine, foundation.trail)
    installation.note_settings(now)
    installation.note_directory()


def _fill(directory: Directory) -> None:
    try:
        load_demo(directory)
    except FeedBusy:  # another process of this app is at it
        log().info("demo_directory.busy")


async def _tell(request: Request, error: Exception) -> Response:
    return told(request, error)


def _started(
    name: str, run: Callable[[threading.Event], None], stop: threading.Event
) -> threading.Thread:
    thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
    thread.start()
    return thread
