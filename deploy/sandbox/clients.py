"""The apps that are registered with the sandbox."""

import threading
from dataclasses import dataclass
from typing import Literal

from deploy.sandbox.wire import Json

ClientAuth = Literal["private_key_jwt", "client_secret_basic", "none"]


@dataclass(frozen=True, slots=True)
class Client:
    """One registered app. `jwks` are its keys where it has no address for them."""

    client_id: str
    redirect_uris: tuple[str, ...]
    launch_url: str = ""
    auth: ClientAuth = "private_key_jwt"
    jwks_url: str = ""
    jwks: Json | None = None
    secret: str = ""
    own_access: bool = False  # may ask for system scopes in its own name
    title: str = "Self-help groups"
    cds_url: str = ""  # where the app's CDS services are, if the EHR is to call them


def app_client(
    app_url: str,
    *,
    client_id: str = "selfhelp",
    auth: ClientAuth = "private_key_jwt",
    secret: str = "",
    cds: bool = False,
) -> Client:
    """Register the app at an address under its usual paths."""
    root = app_url.rstrip("/")
    return Client(
        client_id=client_id,
        redirect_uris=(f"{root}/callback",),
        launch_url=f"{root}/launch",
        auth=auth,
        jwks_url=f"{root}/.well-known/jwks.json",
        secret=secret,
        cds_url=f"{root}/cds-services" if cds else "",
    )


class Clients:
    """The registered apps by client id. May be changed while the sandbox runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Client] = {}

    def register(self, client: Client) -> None:
        with self._lock:
            self._kept[client.client_id] = client

    def find(self, client_id: str) -> Client | None:
        with self._lock:
            return self._kept.get(client_id)

    def first(self) -> Client | None:
        """Give the app that the chart's tab opens: the one registered first."""
        with self._lock:
            return next(iter(self._kept.values()), None)
