"""Runs the sandbox: in the foreground for a demonstration, in a thread for tests."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any

import uvicorn

from deploy.sandbox.app import create_sandbox
from deploy.sandbox.clients import Client, ClientAuth, app_client
from deploy.sandbox.connection import OpenProtocol
from deploy.sandbox.counts import Counts
from deploy.sandbox.faults import Faults
from deploy.sandbox.flavours import flavour_named
from deploy.sandbox.moments import Clock, system_clock
from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

_READY_SECONDS = 10.0
_STOP_SECONDS = 5.0


def server_for(sandbox: Sandbox) -> uvicorn.Server:
    """Make the server, which serves the sockets that it is handed."""
    return uvicorn.Server(
        uvicorn.Config(
            create_sandbox(sandbox),
            http=OpenProtocol,
            loop="asyncio",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            # Longer than its callers rest: none is to meet a connection just closed.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )


def loopback_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind a host's addresses; `localhost` may have one of each family.

    Raises: OSError where not one of them can be bound.
    """
    bound: list[socket.socket] = []
    failed: OSError | None = None
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        try:
            fresh = socket.socket(family, kind, protocol)
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                fresh.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            fresh.bind(address)
        except OSError as error:
            failed = error
        else:
            bound.append(fresh)
    if not bound:
        raise failed or OSError(f"{host} has no address")
    return bound


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that runs in a thread, and the handle by which a test holds it."""

    sandbox: Sandbox
    server: uvicorn.Server
    sockets: Sequence[socket.socket]
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(list(self.sockets))),
            name="sandbox",
            daemon=True,
        )

    @property
    def url(self) -> str:
        return self.sandbox.origin

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    @property
    def counts(self) -> Counts:
        return self.sandbox.counts

    def issuer(self, flavour: str = "") -> str:
        """Give the FHIR base of the site of a flavour; of the main one without."""
        return self.site(flavour).fhir

    def site(self, flavour: str = "") -> Site:
        """Find a site by its flavour or its name; the main one without."""
        if flavour in self.sandbox.sites:
            return self.sandbox.sites[flavour]
        return self.sandbox.site_of(flavour)

    def add_issuer(self, name: str, flavour: str = "full") -> str:
        """Open a further hospital, and give its FHIR base."""
        return self.sandbox.add_site(name, flavour).fhir

    def set_flavour(self, flavour: str, site: str = "") -> None:
        """Turn a site into another kind of EHR while it runs."""
        self.site(site).flavour = flavour_named(flavour)

    def register_client(
        self,
        app_url: str,
        *,
        client_id: str = "selfhelp",
        auth: ClientAuth = "private_key_jwt",
        secret: str = "",
        jwks: Json | None = None,
        own_access: bool = False,
        cds: bool = False,
    ) -> Client:
        """Register an app by its address.

        `jwks` saves fetching its keys; with `own_access` it may ask for system scopes;
        with `cds` its cards are shown where a chart is opened.
        """
        client = app_client(
            app_url, client_id=client_id, auth=auth, secret=secret, cds=cds
        )
        client = replace(client, own_access=own_access)
        if jwks is not None:
            client = replace(client, jwks=jwks, jwks_url="")
        self.sandbox.register(client)
        return client

    def mint_launch(self, patient: str, flavour: str = "", **given: Any) -> str:
        """Open the app from a patient's chart. `patient` is an id or a chart's key."""
        site = self.site(flavour)
        return site.grants.mint_launch(site.launch_for(patient, **given))

    def advance(self, seconds: float) -> None:
        """Let time pass in the sandbox: launches, codes and tokens run out."""
        self.sandbox.advance(seconds)

    def patient_id(self, key: str) -> str:
        """Give the id of the patient of a chart file, such as `alcohol`."""
        return self.sandbox.main.patient_id(key)

    def resources(
        self,
        type: str,  # noqa: A002
        patient: str = "",
        flavour: str = "",
    ) -> list[Json]:
        """Give what is in the record: every resource of a type, or a patient's."""
        site = self.site(flavour)
        if not patient:
            return deepcopy(site.records.all(type))
        return site.records.of_patient(type, site.patient_id(patient))

    def put(self, resource: Json, flavour: str = "") -> Json:
        """Put a resource into the record as it is, valid or not."""
        return self.site(flavour).records.keep(resource)

    def remove(self, reference: str, flavour: str = "") -> None:
        """Take a resource out of the record; `reference` is Type/id."""
        kind, _, identity = reference.partition("/")
        self.site(flavour).records.remove(kind, identity)

    def limit_pages(self, most: int | None, flavour: str = "") -> None:
        """Let no search page hold more entries than this."""
        self.site(flavour).most_per_page = most

    def rotate_key(self) -> None:
        """Sign id_tokens with a new key from now on."""
        self.sandbox.key.rotate()

    def start(self) -> None:
        for bound in self.sockets:
            bound.listen(2048)
        self.thread.start()
        until = monotonic() + _READY_SECONDS
        while not self.server.started:
            if monotonic() > until or not self.thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            sleep(0.005)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(_STOP_SECONDS)
        if self.thread.is_alive():
            self.server.force_exit = True
            self.thread.join(_STOP_SECONDS)
        for bound in self.sockets:
            bound.close()


def start_sandbox(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    flavour: str = "full",
    clock: Clock = system_clock,
) -> RunningSandbox:
    """Start a sandbox in a thread, on a free port where none is named."""
    sockets = loopback_sockets(host, port)
    chosen = sockets[0].getsockname()[1]
    if not port and len(sockets) > 1:  # both families must share the one free port
        for bound in sockets:
            bound.close()
        sockets = loopback_sockets(host, chosen)
    sandbox = Sandbox(f"http://{host}:{chosen}", flavour=flavour, clock=clock)
    running = RunningSandbox(sandbox, server_for(sandbox), sockets)
    running.start()
    return running
