"""One registration, tried step by step: against its live EHR, or its saved documents.

No patient is needed and none is read. Each step says what was found and, where it is
not as it should be, how to mend it; what depends on a step that failed is not tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from plugin.operations.cds_examination import cds_steps
from plugin.operations.ehr_documents import CONFIGURATION, EhrDocuments, NotSaved
from plugin.operations.proof import Proof
from plugin.operations.step import Step
from plugin.referral.plan import plan_write
from plugin.referral.quirks import quirks_of
from plugin.settings import Ehr
from smart_launch.capability import CapabilityStatement, read_capabilities
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import AddressRefused, DiscoveryRefused, EhrUnavailable
from smart_launch.registration import Registration
from smart_launch.scopes import Scopes, least_asked


@dataclass(frozen=True, slots=True)
class Examination:
    """Takes: `proof`, None where there is no live EHR to prove anything to."""

    ehr: Ehr
    registration: Registration
    documents: EhrDocuments
    proof: Proof | None

    def steps(self) -> Iterator[Step]:
        """Every step, as soon as it is done."""
        configuration = None
        try:
            configuration = self.documents.configuration()
        except EhrUnavailable as error:
            yield _unreachable(error, self.registration)
        if configuration is not None:
            yield Step("discovery", "ok", f"{self.ehr.issuer} answers, with PKCE S256")
            yield self._launching(configuration)
            yield self._ehr_keys(configuration)
            yield self._own_keys(configuration)
            yield self._scopes(configuration)
            yield self._session(configuration)
            yield from self._writing(configuration)
            if self.ehr.backend_services:
                yield self._backend()
        yield from cds_steps(self.ehr, self.documents)
        yield self._framing()

    def _launching(self, configuration: SmartConfiguration) -> Step:
        if "launch-ehr" not in configuration.capabilities:
            return Step(
                "capability",
                "narrows",
                "the EHR does not list launch-ehr",
                "Ask the EHR whether apps can be opened from a chart",
            )
        methods = configuration.auth_methods
        if methods and self.ehr.client_auth not in (*methods, "none"):
            return Step(
                "capability",
                "failed",
                f"the EHR does not take {self.ehr.client_auth}",
                f"Register the app with one of: {', '.join(methods)}",
            )
        return Step("capability", "ok", "apps can be opened from a chart")

    def _ehr_keys(self, configuration: SmartConfiguration) -> Step:
        try:
            self.documents.check_keys(configuration)
        except NotSaved as error:
            return Step(
                "identity", "untried", str(error), f"Save {configuration.jwks_uri}"
            )
        except EhrUnavailable as error:
            return Step(
                "identity",
                "failed",
                f"the EHR's own keys cannot be read ({error})",
                "Without them no user can be proven: ask the EHR to mend its jwks_uri",
            )
        return Step("identity", "ok", "the EHR's keys can be read, so users are proven")

    def _own_keys(self, configuration: SmartConfiguration) -> Step:
        if self.proof is None:
            return Step("keys", "untried", "only the live EHR can say if it knows us")
        return self.proof.client(configuration)

    def _backend(self) -> Step:
        if self.proof is None:
            return Step(
                "backend", "untried", "only the live EHR can say what it grants the app"
            )
        return self.proof.backend()

    def _scopes(self, configuration: SmartConfiguration) -> Step:
        listed = configuration.scopes_supported
        asked = self._asked(configuration)
        missing = [
            scope
            for scope in self.ehr.asked_scopes
            if scope.startswith("patient/") and not _covered(scope, asked)
        ]
        if not listed:
            return Step(
                "scopes", "ok", "the EHR lists none, so all wanted are asked for"
            )
        if not missing:
            return Step("scopes", "ok", "everything that is wanted is listed")
        return Step(
            "scopes",
            "narrows",
            f"not listed: {' '.join(missing)}",
            "The app does without, and the screen says so; ask the EHR for them",
        )

    def _session(self, configuration: SmartConfiguration) -> Step:
        kinds = {"online_access", "offline_access"} & self._asked(configuration).others
        if kinds:
            return Step("session", "ok", "a sign-in can be renewed while it is used")
        if not kinds.union(self.ehr.asked_scopes) & {"online_access", "offline_access"}:
            mend = "Add online_access to scopes"
        else:
            mend = "Ask the EHR whether it grants online_access without listing it"
        return Step(
            "session",
            "narrows",
            "a sign-in ends with its first token; what is not written by then waits",
            mend,
        )

    def _asked(self, configuration: SmartConfiguration) -> Scopes:
        return Scopes.parse(
            least_asked(
                self.ehr.asked_scopes,
                configuration.scopes_supported,
                configuration.capabilities,
            )
        )

    def _writing(self, configuration: SmartConfiguration) -> Iterator[Step]:
        statement = self._statement()
        if isinstance(statement, Step):
            yield statement
            return
        software = statement.software or "the server"
        yield Step("server", "ok", f"{software}, FHIR {statement.fhir_version}")
        plan = plan_write(
            statement,
            self._asked(configuration),
            quirks_of(self.ehr, statement),
        )
        written = {
            "full": "an order for each group, and the note",
            "note_only": "the note, which carries the referral",
            "handout": "nothing: hand-out and copyable text",
        }[plan.mode]
        visit = ", with its visit" if plan.note_needs_encounter else ""
        yield Step(
            "writing",
            "ok" if plan.mode == "full" and not plan.reasons else "narrows",
            f"will be written: {written}{visit}",
            " ".join(plan.reasons),
        )

    def _statement(self) -> CapabilityStatement | Step:
        try:
            document = self.documents.statement()
        except NotSaved as error:
            url = f"{self.registration.base}/metadata"
            return Step("server", "untried", str(error), f"Save {url}")
        except EhrUnavailable as error:
            return Step(
                "server",
                "failed",
                f"the CapabilityStatement cannot be read ({error})",
                "Without it nothing is written: ask the EHR to mend its /metadata",
            )
        statement = read_capabilities(document)
        if not statement.fhir_version.startswith("4."):
            return Step(
                "server",
                "failed",
                f"the server speaks FHIR {statement.fhir_version or '(unnamed)'}",
                "Name the issuer of its R4 interface",
            )
        return statement

    def _framing(self) -> Step:
        if not self.ehr.frame_ancestors:
            return Step(
                "framing",
                "narrows",
                "no page may frame the app, so it opens in a window of its own",
                "List the origin of the EHR's pages in frame_ancestors",
            )
        origins = ", ".join(self.ehr.frame_ancestors)
        return Step("framing", "ok", f"the app opens in frames of {origins}")


def _unreachable(error: EhrUnavailable, registration: Registration) -> Step:
    host = urlsplit(registration.issuer).hostname
    if isinstance(error, NotSaved):
        mend = (
            f"Save {registration.base}/.well-known/smart-configuration there as "
            f"{CONFIGURATION}"
        )
    elif isinstance(error, DiscoveryRefused):
        mend = "Compare issuer, oidc_issuer and allowed_hosts with what the EHR says"
    elif isinstance(error, AddressRefused):
        mend = f"List the range of {host} in allowed_networks, if it is your own"
    else:
        mend = f"See that this machine reaches {host}: name, firewall, proxy, ca_file"
    return Step("discovery", "failed", str(error), mend)


def _covered(scope: str, asked: Scopes) -> bool:
    _, _, right = scope.partition("/")
    resource, _, letters = right.partition(".")
    return all(asked.covers(resource, letter) for letter in letters)
