"""The sandbox as a whole: its sites, its apps, its switches and its tallies."""

from datetime import datetime, timedelta

from deploy.sandbox.cds_client import CdsClient
from deploy.sandbox.charts import load_charts, load_staff
from deploy.sandbox.clients import Client, Clients
from deploy.sandbox.counts import Counts
from deploy.sandbox.faults import Faults
from deploy.sandbox.flavours import FLAVOURS, flavour_named
from deploy.sandbox.moments import Clock, system_clock
from deploy.sandbox.signing import SigningKey
from deploy.sandbox.site import Site
from deploy.sandbox.staff_login import StaffLogin

# The first part of each flavour's addresses, beside the main site at the root.
SITE_NAMES = {
    "full": "general",
    "epic": "epic",
    "oracle": "oracle",
    "athena": "athena",
    "read-only": "readonly",
}
_RESERVED = frozenset({"", "r4", "oauth", "sandbox", "static", "patients", "staff"})


class Sandbox:
    """Everything that one process of the sandbox holds.

    The main site is at the root of `origin` and has the flavour that is asked for;
    beside it stands one site for each other flavour.
    """

    def __init__(
        self, origin: str, *, flavour: str = "full", clock: Clock = system_clock
    ) -> None:
        self.origin = origin.rstrip("/")
        self._real_clock = clock
        self._ahead = timedelta(0)
        self.clients = Clients()
        self.counts = Counts()
        self.faults = Faults()
        self.key = SigningKey()
        self.cds = CdsClient(self.key, self.clock)
        self.staff_login = StaffLogin(self.origin, self.key, self.clock)
        self._charts = load_charts(clock())
        self._staff = load_staff(clock())
        self.sites: dict[str, Site] = {"": self._site("", flavour)}
        for name in FLAVOURS:
            if name != flavour:
                self.add_site(SITE_NAMES[name], name)

    def clock(self) -> datetime:
        """Give the sandbox's time, which `advance` can put ahead."""
        return self._real_clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass: codes, tokens and launches run out."""
        self._ahead += timedelta(seconds=seconds)

    def return_to_now(self) -> None:
        """Undo every `advance`."""
        self._ahead = timedelta(0)

    @property
    def main(self) -> Site:
        return self.sites[""]

    def add_site(self, name: str, flavour: str = "full") -> Site:
        """Open a further hospital under `<origin>/<name>/r4`."""
        if name in _RESERVED or name in self.sites:
            raise ValueError(f"a site cannot be named {name!r}")
        self.sites[name] = self._site(name, flavour)
        return self.sites[name]

    def site_of(self, flavour: str) -> Site:
        """Find the first site of a flavour. Raises: LookupError."""
        for site in self.sites.values():
            if site.flavour.name == flavour:
                return site
        raise LookupError(f"no site has the flavour {flavour}")

    def register(self, client: Client) -> None:
        self.clients.register(client)

    def _site(self, name: str, flavour: str) -> Site:
        return Site(
            name,
            self.origin,
            flavour_named(flavour),
            clients=self.clients,
            clock=self.clock,
            charts=self._charts,
            staff=self._staff,
        )
