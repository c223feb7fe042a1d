"""One issuer of the sandbox: its addresses, its flavour, its records and its grants."""

from collections.abc import Iterable, Sequence

from deploy.sandbox.charts import Chart
from deploy.sandbox.client_auth import ClientCheck
from deploy.sandbox.clients import Clients
from deploy.sandbox.flavours import Flavour
from deploy.sandbox.grants import Grants, Launch
from deploy.sandbox.moments import Clock
from deploy.sandbox.records import Records
from deploy.sandbox.wire import Json


class Site:
    """A hospital. Its name begins its addresses; the main one has none."""

    def __init__(
        self,
        name: str,
        origin: str,
        flavour: Flavour,
        *,
        clients: Clients,
        clock: Clock,
        charts: Sequence[Chart],
        staff: Iterable[Json],
    ) -> None:
        self.name = name
        self.origin = origin
        self.flavour = flavour
        self.root = f"{origin}/{name}" if name else origin
        self.fhir = f"{self.root}/r4"
        self.charts = {chart.key: chart for chart in charts}
        self.most_per_page: int | None = None  # a test may set fewer than the flavour
        self.records = Records(clock, staff)
        for chart in charts:
            for resource in chart.resources:
                self.records.keep(resource)
        self.grants = Grants(clock)
        self.client_check = ClientCheck(clients, self.token_url, clock)

    @property
    def authorize_url(self) -> str:
        return f"{self.root}/oauth/authorize"

    @property
    def token_url(self) -> str:
        return f"{self.root}/oauth/token"

    @property
    def revoke_url(self) -> str:
        return f"{self.root}/oauth/revoke"

    @property
    def jwks_url(self) -> str:
        return f"{self.root}/oauth/jwks"

    @property
    def style_url(self) -> str:
        return f"{self.root}/smart-style.json"

    def patient_id(self, named: str) -> str:
        """Give a patient's id from the id or from the chart's key."""
        return self.charts[named].patient if named in self.charts else named

    def chart_of(self, named: str) -> Chart | None:
        patient = self.patient_id(named)
        found = (chart for chart in self.charts.values() if chart.patient == patient)
        return next(found, None)

    def launch_for(self, named: str, **given: object) -> Launch:
        """Make the launch of a patient's chart: the open visit and who has it open."""
        chart = self.chart_of(named)
        if chart is None:
            raise LookupError(f"no patient {named}")
        usual: dict[str, object] = {
            "patient": chart.patient,
            "encounter": chart.encounter,
            "practitioner": chart.practitioner,
            "tenant": self.name or "general",
        }
        return Launch(**{**usual, **given})  # type: ignore[arg-type]
