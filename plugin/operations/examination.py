"""One registration, tried step by step against its live EHR.

No patient is needed and none is read. Each step says what was found and, where it is
not as it should be, how to mend it; what depends on a step that failed is not tried.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from plugin.referral.plan import plan_write
from plugin.referral.quirks import quirks_of
from plugin.settings import Ehr, Settings
from smart_launch.capability import CapabilityStatement, read_capabilities
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.discovery import SmartConfiguration, fetch
from smart_launch.ehr_keys import EhrKeys
from smart_launch.errors import (
    AddressRefused,
    DiscoveryRefused,
    EhrUnavailable,
)
from smart_launch.outbound import Outbound, Reply
from smart_launch.registration import Registration
from smart_launch.scopes import Scopes, least_asked

# `narrows`: the app works, with less. `failed`: no launch can succeed.
Verdict = Literal["ok", "narrows", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    verdict: Verdict
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    settings: Settings
    ehr: Ehr
    registration: Registration
    outbound: Outbound
    authenticator: ClientAuthenticator

    def steps(self) -> Iterator[Step]:
        """Every step, as soon as it is done."""
        configuration = None
        try:
            configuration = fetch(self.registration, self.outbound)
        except EhrUnavailable as error:
            yield _unreachable(error, self.registration)
        if configuration is not None:
            yield Step("discovery", "ok", f"{self.ehr.issuer} answers, with PKCE S256")
            yield self._launching(configuration)
            yield self._ehr_keys(configuration)
            yield self._own_keys(configuration)
            yield self._scopes(configuration)
            yield from self._writing(configuration)
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
            EhrKeys(self.outbound).warm(self.registration, configuration)
        except EhrUnavailable as error:
            return Step(
                "identity",
                "failed",
                f"the EHR's own keys cannot be read ({error})",
                "Without them no user can be proven: ask the EHR to mend its jwks_uri",
            )
        return Step("identity", "ok", "the EHR's keys can be read, so users are proven")

    def _own_keys(self, configuration: SmartConfiguration) -> Step:
        """Ask for a token with a code that nobody gave: only the client is at stake."""
        url = configuration.token_endpoint
        proof = self.authenticator.for_request(self.registration, url)
        form = {
            "grant_type": "authorization_code",
            "code": "selfhelp-doctor",
            "redirect_uri": self.registration.redirect_uri,
            "code_verifier": "selfhelp-doctor-asks-for-nothing-at-all-0001",
        }
        content = "application/x-www-form-urlencoded"
        try:
            reply = self.outbound.request(
                self.registration,
                "POST",
                url,
                headers={"Content-Type": content, **proof.headers},
                body=urlencode({**form, **proof.form}).encode(),
                compressed=False,
            )
        except EhrUnavailable as error:
            return Step(
                "keys",
                "failed",
                f"the token endpoint does not answer ({error})",
                "Ask the EHR whether this machine may reach its token endpoint",
            )
        return self._judged(_oauth_error(reply), reply.status)

    def _judged(self, error: str, status: int) -> Step:
        if error in ("invalid_grant", "invalid_request"):
            return Step(
                "keys", "ok", f"the EHR knows {self.ehr.client_id} and its proof"
            )
        if error in ("invalid_client", "unauthorized_client") or status == 401:
            jwks = f"{self.settings.origin}/.well-known/jwks.json"
            mend = {
                "private_key_jwt": f"Register {jwks} with the EHR, and see that it can "
                "be reached from there",
                "client_secret_basic": "Put the secret that the EHR gave into "
                "client_secret_file",
                "none": "Register the app as a public client, or set client_auth",
            }[self.ehr.client_auth]
            return Step("keys", "failed", f"the EHR refuses {self.ehr.client_id}", mend)
        return Step(
            "keys",
            "narrows",
            f"the token endpoint answered {status}, which tells nothing",
            "Open the app from a test patient to see whether signing in works",
        )

    def _scopes(self, configuration: SmartConfiguration) -> Step:
        listed = configuration.scopes_supported
        asked = self._asked(configuration)
        missing = [
            scope
            for scope in self.ehr.scopes
            if scope.startswith("patient/") and not _covered(scope, asked)
        ]
        if not missing:
            return Step("scopes", "ok", "everything that is wanted is listed")
        if not listed:
            return Step(
                "scopes", "ok", "the EHR lists none, so all wanted are asked for"
            )
        return Step(
            "scopes",
            "narrows",
            f"not listed: {' '.join(missing)}",
            "The app does without, and the screen says so; ask the EHR for them",
        )

    def _asked(self, configuration: SmartConfiguration) -> Scopes:
        return Scopes.parse(
            least_asked(
                self.ehr.scopes,
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
        yield Step(
            "writing",
            "ok" if plan.mode == "full" and not plan.reasons else "narrows",
            f"will be written: {written}",
            " ".join(plan.reasons),
        )

    def _statement(self) -> CapabilityStatement | Step:
        try:
            reply = self.outbound.request(
                self.registration, "GET", f"{self.registration.base}/metadata"
            )
            document = reply.json()
        except (EhrUnavailable, ValueError):
            document = None
        if not isinstance(document, Mapping):
            return Step(
                "server",
                "failed",
                "the CapabilityStatement cannot be read",
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
    if isinstance(error, DiscoveryRefused):
        mend = "Compare issuer, oidc_issuer and allowed_hosts with what the EHR says"
    elif isinstance(error, AddressRefused):
        mend = f"List the range of {host} in allowed_networks, if it is your own"
    else:
        mend = f"See that this machine reaches {host}: name, firewall, proxy, ca_file"
    return Step("discovery", "failed", str(error), mend)


def _oauth_error(reply: Reply) -> str:
    try:
        document = reply.json()
    except ValueError:
        return ""
    error = document.get("error") if isinstance(document, Mapping) else None
    return error if isinstance(error, str) else ""


def _covered(scope: str, asked: Scopes) -> bool:
    _, _, right = scope.partition("/")
    resource, _, letters = right.partition(".")
    return all(asked.covers(resource, letter) for letter in letters)
